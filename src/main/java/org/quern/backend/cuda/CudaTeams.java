package org.quern.backend.cuda;

import static jcuda.driver.JCudaDriver.cuFuncSetAttribute;
import static jcuda.driver.JCudaDriver.cuLaunchCooperativeKernel;
import static jcuda.driver.JCudaDriver.cuLaunchKernel;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import jcuda.NativePointerObject;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import org.quern.backend.kernel.Call;
import org.quern.backend.kernel.Team;

/**
 * The teams of blocks that a device can launch together: clusters, and the few blocks of a grid.
 */
final class CudaTeams {
    private static final String CLUSTER = "fused_train_cluster_";
    private static final String GRID = "fused_train_grid";
    private static final int THREADS = 320;
    private static final int[] SIZES = {4, 8, 12, 16};

    private CudaTeams() {}

    /** Those of a device. */
    static List<Team> of(CudaHardware hardware) {
        List<Team> teams = new ArrayList<>();
        for (int blocks : SIZES) {
            if (hardware.clusters()) {
                teams.add(cluster(blocks, false, hardware));
                teams.add(cluster(blocks, true, hardware));
            }
            if (hardware.cooperative() && blocks <= hardware.units()) {
                teams.add(
                        new Team(
                                GRID,
                                "fused_grid",
                                "a grid",
                                blocks,
                                THREADS,
                                hardware.blockMemory(),
                                false,
                                true));
            }
        }
        teams.add(Team.ALONE);
        return teams;
    }

    /** Tensor cores are for who asks for them until a device has measured them faster. */
    private static Team cluster(int blocks, boolean tensor, CudaHardware hardware) {
        return new Team(
                CLUSTER + blocks,
                "fused_cluster",
                "a cluster",
                blocks,
                THREADS,
                hardware.blockMemory(),
                tensor,
                !tensor);
    }

    /**
     * A launch of a team with its arguments packed once; null if a block cannot have the memory.
     */
    static TeamLaunch prepare(
            Call call, Team team, long bytes, CUfunction function, CUstream stream) {
        boolean cluster = team.kernel().startsWith(CLUSTER);
        if (bytes > team.memory()
                || !allows(
                        function,
                        CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                        (int) team.memory()) // all: other networks use the same function
                || (cluster
                        && !allows(
                                function,
                                CUfunction_attribute
                                        .CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED,
                                1))) {
            return null;
        }
        return new TeamLaunch(call, team, (int) bytes, function, stream, !cluster);
    }

    private static boolean allows(CUfunction function, int attribute, int value) {
        return cuFuncSetAttribute(function, attribute, value) == CUresult.CUDA_SUCCESS;
    }

    /** A prepared launch. */
    static final class TeamLaunch implements CudaDevice.Launchable {
        private final Call call;
        private final Team team;
        private final int bytes;
        private final CUfunction function;
        private final CUstream stream;
        private final boolean cooperative;
        private final Pointer arguments;

        TeamLaunch(
                Call call,
                Team team,
                int bytes,
                CUfunction function,
                CUstream stream,
                boolean cooperative) {
            this.call = call;
            this.team = team;
            this.bytes = bytes;
            this.function = function;
            this.stream = stream;
            this.cooperative = cooperative;
            NativePointerObject[] pointers = new NativePointerObject[call.arguments().size()];
            for (int i = 0; i < pointers.length; i++) {
                ByteBuffer value = ByteBuffer.allocateDirect(8).order(ByteOrder.nativeOrder());
                Object argument = call.arguments().get(i);
                if (argument instanceof CudaMemory memory) {
                    value.putLong(0, memory.address());
                } else if (argument instanceof Integer number) {
                    value.putInt(0, number);
                } else {
                    value.putFloat(0, (Float) argument);
                }
                pointers[i] = Pointer.to(value);
            }
            arguments = Pointer.to(pointers);
        }

        private int ask() {
            int blocks = team.blocks();
            int threads = team.threads();
            return cooperative
                    ? cuLaunchCooperativeKernel(
                            function, blocks, 1, 1, threads, 1, 1, bytes, stream, arguments)
                    : cuLaunchKernel(
                            function, blocks, 1, 1, threads, 1, 1, bytes, stream, arguments, null);
        }

        @Override
        public void launch() {
            int code = ask();
            if (code != CUresult.CUDA_SUCCESS) {
                throw CudaErrors.failure(code, "the launch of " + call.kernel());
            }
        }

        /** Launches it if the device has room for the team. @return whether it has */
        boolean tries() {
            int code = ask();
            return switch (code) {
                case CUresult.CUDA_SUCCESS -> true;
                case CUresult.CUDA_ERROR_INVALID_CLUSTER_SIZE,
                        CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
                        CUresult.CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,
                        CUresult.CUDA_ERROR_INVALID_VALUE ->
                        false;
                default -> throw CudaErrors.failure(code, "the launch of " + call.kernel());
            };
        }

        @Override
        public void close() {
            // the garbage collector has it
        }
    }
}
