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
import org.quern.backend.nativelib.NativeLibraries;

/**
 * The teams of blocks that a device can launch together: clusters, and the few blocks of a grid.
 */
final class CudaTeams {
    private static final int[] SIZES = {4, 8, 12, 16};
    static final String NO_ROOM = "the device has no room for it";
    private static final int LARGEST_GROUP =
            20; // more multiprocessors than a GPC has: Hopper's has 18

    /** No answer of the driver's: it does not have the call, or this jar does not. */
    private static final int UNKNOWN = Integer.MIN_VALUE;

    private CudaTeams() {}

    /** Those of a device. Tensor cores are for who asks for them until measured faster. */
    static List<BlockTeam> of(CudaHardware hardware) {
        List<BlockTeam> teams = new ArrayList<>();
        int memory = hardware.blockMemory;
        for (int blocks : SIZES) {
            if (hardware.hasClusters) {
                teams.add(new BlockTeam(BlockTeam.Kind.CLUSTER, blocks, memory, false));
                teams.add(new BlockTeam(BlockTeam.Kind.CLUSTER, blocks, memory, true));
            }
            if (hardware.isCooperative && blocks <= hardware.units()) {
                teams.add(new BlockTeam(BlockTeam.Kind.GRID, blocks, memory, false));
            }
        }
        teams.add(BlockTeam.ALONE);
        return teams;
    }

    /** How many work side by side: what the driver says, or else the least that is sure. */
    static int room(CudaHardware hardware, BlockTeam team, long bytes) throws BlockTeam.Refused {
        if (team.blocks() == 1) {
            return 1;
        }
        CUfunction function = function(hardware, team);
        allow(function, team, bytes);
        int room =
                team.isCluster()
                        ? clusters(hardware.units(), function, team, bytes)
                        : grids(hardware.units(), function, team, bytes);
        if (room == 0) {
            throw new BlockTeam.Refused(NO_ROOM);
        }
        return room;
    }

    /** Fewer than the multiprocessors would give: a cluster stays within one GPC. */
    private static int clusters(int units, CUfunction function, BlockTeam team, long bytes)
            throws BlockTeam.Refused {
        int answer = UNKNOWN;
        if (NativeLibraries.hasBridge()) {
            long address = ((CudaModule.Function) function).address();
            answer = mostClusters(address, team.blocks(), team.threads(), (int) bytes);
        }
        if (answer == -CUresult.CUDA_ERROR_INVALID_CLUSTER_SIZE) {
            throw new BlockTeam.Refused(NO_ROOM);
        }
        if (answer != UNKNOWN && CudaErrors.isSticky(-answer)) {
            throw CudaErrors.failure(-answer, "cuOccupancyMaxActiveClusters");
        }
        // a driver that cannot tell: one for each group, were all of them as large
        return answer >= 0 ? answer : Math.max(1, units / LARGEST_GROUP);
    }

    /**
     * Clusters of a kernel that the current device runs at a time, which JCuda does not ask: {@code
     * native/occupancy.c} does. A negative number if the driver does not say, that of its error or
     * {@link #UNKNOWN}.
     */
    private static native int mostClusters(long function, int blocks, int threads, int bytes);

    private static int grids(int units, CUfunction function, BlockTeam team, long bytes) {
        int[] perUnit = {1};
        int code =
                JCudaDriver.cuOccupancyMaxActiveBlocksPerMultiprocessor(
                        perUnit, function, team.threads(), bytes);
        CudaErrors.check(code, "cuOccupancyMaxActiveBlocksPerMultiprocessor");
        return perUnit[0] * units / team.blocks();
    }

    /** Its kernel, if the driver takes the unit that it is in. */
    static CUfunction function(CudaHardware hardware, BlockTeam team) throws BlockTeam.Refused {
        try {
            return hardware.module(team.unit()).function(team.kernel());
        } catch (QuernException e) {
            if (e.kind() != QuernException.Kind.BACKEND) {
                throw e;
            }
            throw new BlockTeam.Refused(e.getMessage());
        }
    }

    /** Lets a team's kernel have what its blocks need beyond what every device has. */
    static void allow(CUfunction function, BlockTeam team, long bytes) throws BlockTeam.Refused {
        int memory = CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        int large = CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED;
        boolean allowed =
                bytes <= team.memory()
                        // all that there is: other networks use the same function
                        && sets(function, memory, (int) team.memory())
                        && (!team.isCluster() || sets(function, large, 1));
        if (!allowed) {
            throw new BlockTeam.Refused(
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
