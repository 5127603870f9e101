package org.quern.backend.cuda;

import static jcuda.driver.JCudaDriver.CU_LAUNCH_PARAM_BUFFER_POINTER;
import static jcuda.driver.JCudaDriver.CU_LAUNCH_PARAM_BUFFER_SIZE;
import static jcuda.driver.JCudaDriver.CU_LAUNCH_PARAM_END;
import static jcuda.driver.JCudaDriver.cuLaunchKernel;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import org.quern.backend.gpu.Call;
import org.quern.backend.gpu.Device;

/** A kernel with its arguments packed once, as C lays them out. */
final class CudaLaunch implements CudaDevice.Launchable {
    private final Call call;
    private final CUfunction function;
    private final CUstream stream;
    private final Pointer arguments;

    CudaLaunch(Call call, CUfunction function, CUstream stream) {
        this.call = call;
        this.function = function;
        this.stream = stream;
        ByteBuffer packed =
                ByteBuffer.allocateDirect(8 * call.arguments().size())
                        .order(ByteOrder.nativeOrder());
        for (Object argument : call.arguments()) {
            if (argument instanceof CudaMemory memory) {
                packed.position((packed.position() + 7) / 8 * 8);
                packed.putLong(memory.address());
            } else if (argument instanceof Integer number) {
                packed.putInt(number);
            } else {
                packed.putFloat((Float) argument);
            }
        }
        // a heap array would be pinned or copied at each launch
        ByteBuffer size = ByteBuffer.allocateDirect(8).order(ByteOrder.nativeOrder());
        size.putLong(0, packed.position());
        arguments =
                Pointer.to(
                        CU_LAUNCH_PARAM_BUFFER_POINTER,
                        Pointer.to(packed.rewind()),
                        CU_LAUNCH_PARAM_BUFFER_SIZE,
                        Pointer.to(size),
                        CU_LAUNCH_PARAM_END);
    }

    @Override
    public void launch() {
        int code =
                cuLaunchKernel(
                        function,
                        call.groupsX(),
                        call.groupsY(),
                        1,
                        Device.THREADS,
                        1,
                        1,
                        0,
                        stream,
                        null,
                        arguments);
        if (code != CUresult.CUDA_SUCCESS) {
            throw CudaErrors.failure(code, "the launch of " + call.kernel());
        }
    }

    @Override
    public void close() {
        // the garbage collector has it
    }
}
