package org.quern.backend.cuda;

import static jcuda.driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
import static jcuda.driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED;

import java.util.ArrayList;
import java.util.List;
import jcuda.driver.CUfunction;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.quern.QuernException;
import org.quern.backend.gpu.BlockTeam;
import org.quern.backend.gpu.TeamRefused;

/**
 * The teams of blocks that a device can launch together: clusters, and the few blocks of a grid.
 */
final class CudaTeams {
    private static final String CLUSTER = "fused_train_cluster_";
    private static final String GRID = "fused_train_grid";
    private static final int THREADS = 320;
    private static final int[] SIZES = {4, 8, 12, 16};
    static final String NO_ROOM = "the device has no room for it";

    /**
     * Multiprocessors of a GPC, at most: 18 on Hopper, and by their number no more than 20 later.
     */
    private static final int LARGEST_GROUP = 20;

    /** No answer of the driver's: it does not have the call, or this jar does not. */
    private static final int UNKNOWN = Integer.MIN_VALUE;

    private CudaTeams() {}

    /** Those of a device. Tensor cores are for who asks for them until measured faster. */
    static List<BlockTeam> of(CudaHardware hardware) {
        List<BlockTeam> teams = new ArrayList<>();
        for (int blocks : SIZES) {
            if (hardware.clusters()) {
                String kernel = CLUSTER + blocks;
                teams.add(team(kernel, "fused_cluster", "a cluster", blocks, hardware, false));
                teams.add(team(kernel, "fused_cluster", "a cluster", blocks, hardware, true));
            }
            if (hardware.cooperative() && blocks <= hardware.units()) {
                teams.add(team(GRID, "fused_grid", "a grid", blocks, hardware, false));
            }
        }
        teams.add(BlockTeam.ALONE);
        return teams;
    }

    private static BlockTeam team(
            String kernel,
            String unit,
            String kind,
            int blocks,
            CudaHardware hardware,
            boolean tensor) {
        return new BlockTeam(
                kernel, unit, kind, blocks, THREADS, hardware.blockMemory(), tensor, !tensor);
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
        int answer = UNKNOWN;
        if (JCudaNatives.hasBridge()) {
            long address = ((CudaModule.Function) function).address();
            answer = mostClusters(address, team.blocks(), team.threads(), (int) bytes);
        }
        if (answer >= 0) {
            return answer;
        }
        if (answer == -CUresult.CUDA_ERROR_INVALID_CLUSTER_SIZE) {
            throw new TeamRefused(NO_ROOM);
        }
        if (answer != UNKNOWN && CudaErrors.isSticky(-answer)) {
            throw CudaErrors.failure(-answer, "cuOccupancyMaxActiveClusters");
        }
        // a driver that cannot tell: one for each group, were all of them as large
        return Math.max(1, hardware.units() / LARGEST_GROUP);
    }

    /**
     * Clusters of a kernel that the current device runs at a time, which JCuda does not ask: {@code
     * native/occupancy.c} does. A negative number if the driver does not say, that of its error or
     * {@link #UNKNOWN}.
     *
     * @param blocks of a cluster, for which the kernel was compiled
     * @param bytes of dynamic shared memory of a block
     */
    private static native int mostClusters(long function, int blocks, int threads, int bytes);

    private static int grids(
            CudaHardware hardware, CUfunction function, BlockTeam team, long bytes) {
        int[] perUnit = {1};
        int code =
                JCudaDriver.cuOccupancyMaxActiveBlocksPerMultiprocessor(
                        perUnit, function, team.threads(), bytes);
        CudaErrors.check(code, "cuOccupancyMaxActiveBlocksPerMultiprocessor");
        return perUnit[0] * hardware.units() / team.blocks();
    }

    static boolean isCluster(BlockTeam team) {
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
    static void allow(CUfunction function, BlockTeam team, long bytes) throws TeamRefused {
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
        int code = JCudaDriver.cuFuncSetAttribute(function, attribute, value);
        if (CudaErrors.isSticky(code)) {
            throw CudaErrors.failure(code, "cuFuncSetAttribute");
        }
        return code == CUresult.CUDA_SUCCESS;
    }
}
