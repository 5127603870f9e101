package org.quern.backend.cuda;

import static org.quern.backend.cuda.CudaErrors.check;
import static org.quern.backend.gpu.GpuDevice.direct;

import java.nio.ByteBuffer;
import java.util.List;
import jcuda.NativePointerObject;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.JCudaDriver;
import org.quern.QuernException;
import org.quern.backend.gpu.BlockTeam;
import org.quern.backend.gpu.Call;
import org.quern.backend.gpu.Device;

/** Something that can be put into the stream: a kernel of ours, a library's product, or a graph. */
abstract class CudaLaunch implements Device.Launch {
    final String what; // what failed, if it does: no text is made for a launch that goes well

    CudaLaunch(String what) {
        this.what = what;
    }

    /** Puts it into the stream; the driver's or the library's code, 0 if all is well. */
    abstract int put();

    QuernException failure(int code) {
        return CudaErrors.failure(code, what);
    }

    @Override
    public final void run() {
        int code = put();
        if (code != CUresult.CUDA_SUCCESS) {
            throw failure(code);
        }
    }

    /** A kernel with its arguments packed once, as C lays them out. */
    static final class Kernel extends CudaLaunch {
        private final Call call;
        private final CUfunction function;
        private final CUstream stream;
        private final Pointer arguments;

        Kernel(Call call, CUfunction function, CUstream stream) {
            super("the launch of " + call.kernel());
            this.call = call;
            this.function = function;
            this.stream = stream;
            ByteBuffer packed = direct(Long.BYTES * call.arguments().size());
            int size = 0;
            for (int i = 0; i < call.arguments().size(); i++) {
                boolean isMemory = call.arguments().get(i) instanceof Device.Buffer;
                size = isMemory ? (size + 7) / 8 * 8 : size;
                size += call.put(i, packed, size);
            }
            // a heap array would be pinned or copied at each launch
            arguments =
                    Pointer.to(
                            JCudaDriver.CU_LAUNCH_PARAM_BUFFER_POINTER,
                            Pointer.to(packed),
                            JCudaDriver.CU_LAUNCH_PARAM_BUFFER_SIZE,
                            Pointer.to(direct(Long.BYTES).putLong(0, size)),
                            JCudaDriver.CU_LAUNCH_PARAM_END);
        }

        @Override
        int put() {
            int x = call.groupsX();
            int y = call.groupsY();
            return JCudaDriver.cuLaunchKernel(
                    function, x, y, 1, Device.THREADS, 1, 1, 0, stream, null, arguments);
        }
    }

    static final class Team extends CudaLaunch {
        private final BlockTeam team;
        private final int bytes;
        private final CUfunction function;
        private final CUstream stream;
        private final Pointer arguments;

        Team(Call call, BlockTeam team, long bytes, CUfunction function, CUstream stream) {
            super("the launch of " + call.kernel());
            this.team = team;
            this.bytes = (int) bytes;
            this.function = function;
            this.stream = stream;
            NativePointerObject[] pointers = new NativePointerObject[call.arguments().size()];
            for (int i = 0; i < pointers.length; i++) {
                ByteBuffer value = direct(call.size(i));
                call.put(i, value, 0);
                pointers[i] = Pointer.to(value);
            }
            arguments = Pointer.to(pointers);
        }

        @Override
        int put() {
            int blocks = team.blocks();
            int threads = team.threads();
            return team.isCluster()
                    ? JCudaDriver.cuLaunchKernel(
                            function, blocks, 1, 1, threads, 1, 1, bytes, stream, arguments, null)
                    : JCudaDriver.cuLaunchCooperativeKernel(
                            function, blocks, 1, 1, threads, 1, 1, bytes, stream, arguments);
        }

        @Override
        public void tries() throws BlockTeam.Refused {
            int code = put();
            switch (code) {
                case CUresult.CUDA_SUCCESS -> {}
                case CUresult.CUDA_ERROR_INVALID_CLUSTER_SIZE,
                        CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
                        CUresult.CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,
                        CUresult.CUDA_ERROR_INVALID_VALUE ->
                        throw new BlockTeam.Refused(
                                CudaTeams.NO_ROOM + " (" + CudaErrors.name(code) + ")");
                default -> throw failure(code);
            }
        }
    }

    /** Launches that were captured once and are given to the device as a whole. */
    static final class Graph extends CudaLaunch {
        private final CUgraphExec exec = new CUgraphExec();
        private final CUstream stream;

        Graph(CUstream stream, List<Device.Launch> launches, int repeats) {
            super("cuGraphLaunch");
            this.stream = stream;
            int mode = CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
            check(JCudaDriver.cuStreamBeginCapture(stream, mode), "cuStreamBeginCapture");
            CUgraph graph = new CUgraph();
            try {
                for (int i = 0; i < repeats; i++) {
                    launches.forEach(Device.Launch::run);
                }
            } catch (RuntimeException e) {
                JCudaDriver.cuStreamEndCapture(stream, graph);
                throw e;
            }
            check(JCudaDriver.cuStreamEndCapture(stream, graph), "cuStreamEndCapture");
            int code = JCudaDriver.cuGraphInstantiate(exec, graph, 0);
            check(JCudaDriver.cuGraphDestroy(graph), "cuGraphDestroy");
            check(code, "cuGraphInstantiate");
        }

        @Override
        int put() {
            return JCudaDriver.cuGraphLaunch(exec, stream);
        }

        @Override
        public void close() {
            check(JCudaDriver.cuGraphExecDestroy(exec), "cuGraphExecDestroy");
        }
    }
}
