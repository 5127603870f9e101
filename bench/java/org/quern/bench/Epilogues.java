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

    /** The device with its library in between. */
    private Device of(Device device) {
        Device.Library library = device.library();
        if (library == null) {
            return device;
        }
        Device.Library chosen = new Chosen(library);
        return (Device)
                Proxy.newProxyInstance(
                        Device.class.getClassLoader(),
                        new Class<?>[] {Device.class},
                        (proxy, method, arguments) -> {
                            if (method.getName().equals("library")) {
                                return chosen;
                            }
                            try {
                                return method.invoke(device, arguments);
                            } catch (InvocationTargetException e) {
                                throw e.getCause();
                            }
                        });
    }

    private final class Chosen implements Device.Library {
        private final Device.Library library;

        Chosen(Device.Library library) {
            this.library = library;
        }

        @Override
        public boolean roundsFactors() {
            return library.roundsFactors();
        }

        @Override
        public boolean hasEpilogues() {
            return Epilogues.this != NEVER && library.hasEpilogues();
        }

        @Override
        public Device.Launch product(Gemm product) {
            Device.Launch launch = library.product(product);
            if (launch == null && product.epilogue() != Gemm.Epilogue.NONE) {
                REFUSED.add(product);
            }
            return launch;
        }

        @Override
        public Device.GemmVariant choose(Gemm product, List<Device.GemmVariant> ways) {
            Device.GemmVariant last = ways.get(ways.size() - 1);
            return last.name().equals(Device.EPILOGUE) ? last : library.choose(product, ways);
        }
    }
}
