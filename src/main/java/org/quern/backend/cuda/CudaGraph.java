package org.quern.backend.cuda;

import static jcuda.driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
import static jcuda.driver.JCudaDriver.cuGraphDestroy;
import static jcuda.driver.JCudaDriver.cuGraphExecDestroy;
import static jcuda.driver.JCudaDriver.cuGraphInstantiate;
import static jcuda.driver.JCudaDriver.cuGraphLaunch;
import static jcuda.driver.JCudaDriver.cuStreamBeginCapture;
import static jcuda.driver.JCudaDriver.cuStreamEndCapture;

import java.util.List;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUstream;
import org.quern.backend.gpu.Device;

/** Launches that were captured once and are given to the device as a whole. */
record CudaGraph(CUgraphExec exec, CUstream stream) implements CudaDevice.Launchable {

    /** Captures {@code repeats} times the launches. */
    static CudaGraph capture(CUstream stream, List<Device.Launch> launches, int repeats) {
        CudaErrors.check(
                cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
                "cuStreamBeginCapture");
        CUgraph graph = new CUgraph();
        try {
            for (int i = 0; i < repeats; i++) {
                for (Device.Launch launch : launches) {
                    ((CudaDevice.Launchable) launch).launch();
                }
            }
        } catch (RuntimeException e) {
            cuStreamEndCapture(stream, graph);
            throw e;
        }
        CudaErrors.check(cuStreamEndCapture(stream, graph), "cuStreamEndCapture");
        CUgraphExec exec = new CUgraphExec();
        int code = cuGraphInstantiate(exec, graph, 0);
        CudaErrors.check(cuGraphDestroy(graph), "cuGraphDestroy");
        CudaErrors.check(code, "cuGraphInstantiate");
        return new CudaGraph(exec, stream);
    }

    @Override
    public void launch() {
        CudaErrors.check(cuGraphLaunch(exec, stream), "cuGraphLaunch");
    }

    @Override
    public void close() {
        CudaErrors.check(cuGraphExecDestroy(exec), "cuGraphExecDestroy");
    }
}
