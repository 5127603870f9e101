package org.quern.backend.cuda;

import static jcuda.driver.JCudaDriver.cuCtxSetCurrent;
import static jcuda.driver.JCudaDriver.cuCtxSynchronize;
import static jcuda.driver.JCudaDriver.cuDevicePrimaryCtxRelease;
import static jcuda.driver.JCudaDriver.cuDevicePrimaryCtxRetain;
import static jcuda.driver.JCudaDriver.cuLaunchCooperativeKernel;
import static jcuda.driver.JCudaDriver.cuLaunchKernel;
import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoH;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoD;
import static jcuda.driver.JCudaDriver.cuModuleGetFunction;
import static jcuda.driver.JCudaDriver.cuModuleLoadData;
import static jcuda.driver.JCudaDriver.cuModuleUnload;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamDestroy;

import java.nio.charset.StandardCharsets;
import jcuda.Pointer;
import jcuda.Sizeof;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUstream;

/**
 * Runs a kernel of {@code ci/cudasim/test/teams.cu} on the simulator and prints what it gives, for
 * {@link SimulatorTest}.
 */
final class SimulatorKernels {
    private static final int VALUES = 512;

    private SimulatorKernels() {}

    public static void main(String[] arguments) throws Exception {
        String name = arguments[0];
        CUdevice device = CudaHardware.FOUND.all().get(0).device;
        CUcontext context = new CUcontext();
        check(cuDevicePrimaryCtxRetain(context, device));
        check(cuCtxSetCurrent(context));
        CUstream stream = new CUstream();
        check(cuStreamCreate(stream, 0));
        byte[] ptx = (ptx() + '\0').getBytes(StandardCharsets.US_ASCII);
        CUmodule module = new CUmodule();
        try {
            check(cuModuleLoadData(module, ptx));
            float[] from = new float[VALUES];
            for (int i = 0; i < VALUES; i++) {
                from[i] = i + 1;
            }
            CUdeviceptr input = allocate();
            CUdeviceptr parts = allocate();
            CUdeviceptr output = allocate();
            check(cuMemcpyHtoD(input, Pointer.to(from), VALUES * Sizeof.FLOAT));
            CUfunction function = new CUfunction();
            check(cuModuleGetFunction(function, module, name));
            int threads = name.equals("grid_sum") ? 64 : name.equals("cluster_ring") ? 32 : 128;
            int blocks = VALUES / threads;
            Pointer two = Pointer.to(Pointer.to(input), Pointer.to(output));
            Pointer three = Pointer.to(Pointer.to(input), Pointer.to(parts), Pointer.to(output));
            check(
                    name.equals("grid_sum")
                            ? cuLaunchCooperativeKernel(
                                    function, blocks, 1, 1, threads, 1, 1, 0, stream, three)
                            : cuLaunchKernel(
                                    function, blocks, 1, 1, threads, 1, 1, 0, stream, two, null));
            System.out.println("result " + cuCtxSynchronize());
            float[] to = new float[VALUES];
            if (cuMemcpyDtoH(Pointer.to(to), output, VALUES * Sizeof.FLOAT) == 0) {
                int wrong = 0;
                int count =
                        name.equals("warp_sum")
                                ? VALUES / 32
                                : name.equals("grid_sum") ? blocks : VALUES;
                for (int i = 0; i < count; i++) {
                    wrong += to[i] == expected(name, i) ? 0 : 1;
                }
                System.out.println(wrong + " of " + count + " wrong");
                check(cuMemFree(input));
                check(cuMemFree(parts));
                check(cuMemFree(output));
                check(cuStreamDestroy(stream));
            }
            check(cuModuleUnload(module));
        } catch (org.quern.QuernException e) {
            System.out.println(e.getMessage()); // a broken context stays broken
            return;
        }
        check(cuDevicePrimaryCtxRelease(device));
    }

    private static float expected(String name, int i) {
        return switch (name) {
            case "warp_sum" -> 32 * (32 * i) + 32 * 33 / 2;
            case "warp_rotate" -> i / 32 * 32 + (i + 1) % 32 + 1;
            case "grid_sum" -> VALUES * (VALUES + 1) / 2;
            // written by the right neighbour, which had read from its own right one
            default -> i / 128 * 128 + (i % 128 + 64) % 128 + 1;
        };
    }

    private static CUdeviceptr allocate() {
        CUdeviceptr pointer = new CUdeviceptr();
        check(cuMemAlloc(pointer, VALUES * Sizeof.FLOAT));
        return pointer;
    }

    private static void check(int code) {
        CudaErrors.check(code, "a call");
    }

    /** As much of PTX as the simulator reads. */
    private static String ptx() {
        StringBuilder text = new StringBuilder(".version 8.0\n.target sm_90\n.address_size 64\n");
        for (String name : new String[] {"warp_sum", "warp_rotate", "grid_sum", "cluster_ring"}) {
            int parameters = name.equals("grid_sum") ? 3 : 2;
            text.append(".visible .entry ").append(name).append("(\n");
            for (int i = 0; i < parameters; i++) {
                text.append("\t.param .u64 p").append(i);
                text.append(i < parameters - 1 ? ",\n" : "\n");
            }
            text.append(")\n");
            text.append(name.equals("cluster_ring") ? ".reqnctapercluster 4, 1, 1\n" : "");
            text.append("{ ret; }\n");
        }
        return text.toString();
    }
}
