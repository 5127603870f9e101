package org.quern.backend.cuda;

import static jcuda.driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
import static jcuda.driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED;
import static jcuda.driver.JCudaDriver.cuFuncSetAttribute;
import static jcuda.driver.JCudaDriver.cuLaunchCooperativeKernel;
import static jcuda.driver.JCudaDriver.cuLaunchKernel;
import static jcuda.driver.JCudaDriver.cuOccupancyMaxActiveBlocksPerMultiprocessor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import jcuda.NativePointerObject;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import org.quern.QuernException;
import org.quern.backend.gpu.BlockTeam;
import org.quern.backend.gpu.Call;
import org.quern.backend.gpu.TeamRefused;

/**
 * The teams of blocks that a device can launch together: clusters, and the few blocks of a grid.
 */
final class CudaTeams {
    private static final String CLUSTER = "fused_train_cluster_";
    private static final String GRID = "fused_train_grid";
    private static final int THREADS = 320;
    private static final int[] SIZES = {4, 8, 12, 16};
    private static final String NO_ROOM = "the device has no room for it";

    /**
     * Multiprocessors of a GPC, at most: 18 on Hopper, and by their number no more than 20 later.
     */
    private static final int LARGEST_GROUP = 20;

    private CudaTeams() {}

    /** Those of a device. */
    static List<BlockTeam> of(CudaHardware hardware) {
        List<BlockTeam> teams = new ArrayList<>();
        for (int blocks : SIZES) {
            if (hardware.clusters()) {
                teams.add(cluster(blocks, false, hardware));
                teams.add(cluster(blocks, true, hardware));
            }
            if (hardware.cooperative() && blocks <= hardware.units()) {
                teams.add(
                        new BlockTeam(
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
        teams.add(BlockTeam.ALONE);
        return teams;
    }

    /** Tensor cores are for who asks for them until a device has measured them faster. */
    private static BlockTeam cluster(int blocks, boolean tensor, CudaHardware hardware) {
        return new BlockTeam(
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
     * How many of a team work side by side: what the driver says, or else the least that is sure.
     */
    static int room(CudaContext context, CudaHardware hardware, BlockTeam team, long bytes)
            throws TeamRefused {
        if (team.blocks() == 1) {
            return 1;
        }
        CUfunction function = function(context, team);
        allow(function, team, bytes);
        int room =
                isCluster(team)
                        ? clusters(hardware, function, team, bytes)
                        : grids(hardware, function, team, bytes);
        if (room == 0) {
            throw new TeamRefused(NO_ROOM);
        }
        return room;
    }

    /**
     * A cluster stays within one of the device's groups of multiprocessors (GPC), so that there are
     * fewer than its multiprocessors would give.
     */
    private static int clusters(
            CudaHardware hardware, CUfunction function, BlockTeam team, long bytes)
            throws TeamRefused {
        int answer = CudaOccupancy.clusters(function, team.blocks(), team.threads(), (int) bytes);
        if (answer >= 0) {
            return answer;
        }
        if (answer == -CUresult.CUDA_ERROR_INVALID_CLUSTER_SIZE) {
            throw new TeamRefused(NO_ROOM);
        }
        // a driver that cannot tell: one for each group, were all of them as large
        return Math.max(1, hardware.units() / LARGEST_GROUP);
    }

    private static int grids(
            CudaHardware hardware, CUfunction function, BlockTeam team, long bytes) {
        int[] perUnit = {1};
        CudaErrors.check(
                cuOccupancyMaxActiveBlocksPerMultiprocessor(
                        perUnit, function, team.threads(), bytes),
                "cuOccupancyMaxActiveBlocksPerMultiprocessor");
        return perUnit[0] * hardware.units() / team.blocks();
    }

    private static boolean isCluster(BlockTeam team) {
        return team.kernel().startsWith(CLUSTER);
    }

    /** Its kernel, if the driver takes the unit that it is in. */
    static CUfunction function(CudaContext context, BlockTeam team) throws TeamRefused {
        try {
            return context.module(team.unit()).function(team.kernel());
        } catch (QuernException e) {
            if (e.kind() != QuernException.Kind.BACKEND) {
                throw e;
            }
            throw new TeamRefused(e.getMessage());
        }
    }

    /** Lets a team's kernel have what its blocks need beyond what every device has. */
    private static void allow(CUfunction function, BlockTeam team, long bytes) throws TeamRefused {
        boolean allowed =
                bytes <= team.memory()
                        && sets(
                                function,
                                CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                                (int) team.memory()) // all: other networks use the same function
                        && (!isCluster(team)
                                || sets(
                                        function,
                                        CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED,
                                        1));
        if (!allowed) {
            throw new TeamRefused(
                    "a block cannot have %,d KiB of shared memory here"
                            .formatted(team.memory() >> 10));
        }
    }

    private static boolean sets(CUfunction function, int attribute, int value) {
        int code = cuFuncSetAttribute(function, attribute, value);
        if (CudaErrors.isSticky(code)) {
            throw CudaErrors.failure(code, "cuFuncSetAttribute");
        }
        return code == CUresult.CUDA_SUCCESS;
    }

    /** A launch of a team with its arguments packed once. */
    static TeamLaunch prepare(
            Call call, BlockTeam team, long bytes, CUfunction function, CUstream stream)
            throws TeamRefused {
        allow(function, team, bytes);
        return new TeamLaunch(call, team, (int) bytes, function, stream, !isCluster(team));
    }

    /** A prepared launch. */
    static final class TeamLaunch implements CudaDevice.Launchable {
        private final Call call;
        private final BlockTeam team;
        private final int bytes;
        private final CUfunction function;
        private final CUstream stream;
        private final boolean cooperative;
        private final Pointer arguments;

        TeamLaunch(
                Call call,
                BlockTeam team,
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

        /** Launches it if the device has room for the team. */
        void tries() throws TeamRefused {
            int code = ask();
            switch (code) {
                case CUresult.CUDA_SUCCESS -> {}
                case CUresult.CUDA_ERROR_INVALID_CLUSTER_SIZE,
                        CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
                        CUresult.CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,
                        CUresult.CUDA_ERROR_INVALID_VALUE ->
                        throw new TeamRefused(NO_ROOM + " (" + CudaErrors.name(code) + ")");
                default -> throw CudaErrors.failure(code, "the launch of " + call.kernel());
            }
        }

        @Override
        public void close() {
            // the garbage collector has it
        }
    }
}
