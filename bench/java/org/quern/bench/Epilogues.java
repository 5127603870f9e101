package org.quern.bench;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.quern.backend.cuda.CudaBackend;
import org.quern.backend.gpu.Device;
import org.quern.backend.gpu.Gemm;

/** CUDA where products with cublasLt's epilogues are not taken where they measure faster, but: */
public enum Epilogues {
    /** Always where there are such; one that the library refuses is an error. */
    ALWAYS,
    /** Never, as if there were none. */
    NEVER;

    /** Products that the library has refused. */
    public static final List<Gemm> REFUSED = new CopyOnWriteArrayList<>();

    /** The backend. */
    public CudaBackend cuda() {
        return new CudaBackend() {
            @Override
            public Device device(Options options) {
                return of(super.device(options));
            }
        };
    }

    private Device of(Device device) {
        return (Device)
                Proxy.newProxyInstance(
                        Device.class.getClassLoader(),
                        new Class<?>[] {Device.class},
                        (proxy, method, arguments) -> {
                            Device.GemmVariant last = null;
                            if (method.getName().equals("choose")) {
                                List<?> ways = (List<?>) arguments[1];
                                last = (Device.GemmVariant) ways.get(ways.size() - 1);
                            }
                            if (last != null && last.name().equals(Device.EPILOGUE)) {
                                return last;
                            }
                            if (this == NEVER && method.getName().equals("hasEpilogues")) {
                                return false;
                            }
                            Object result;
                            try {
                                result = method.invoke(device, arguments);
                            } catch (InvocationTargetException e) {
                                throw e.getCause();
                            }
                            if (method.getName().equals("product")
                                    && result == null
                                    && ((Gemm) arguments[0]).epilogue() != Gemm.Epilogue.NONE) {
                                REFUSED.add((Gemm) arguments[0]);
                            }
                            return result;
                        });
    }
}
