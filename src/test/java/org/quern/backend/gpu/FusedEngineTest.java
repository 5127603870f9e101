package org.quern.backend.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.backend.trace.TraceDevice;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;

/** The next team after one that a device refuses, and what is told of it and given back. */
class FusedEngineTest {
    private static final Dataset DIGITS = Digits.generate("digits", 64, 0, 5);
    private static final Plan PLAN =
            Plan.of(
                    ModelText.parse(Model.input(28, 28), "dense 48 relu, dense 10"),
                    Loss.CROSS_ENTROPY,
                    Optimizer.Adam.DEFAULT,
                    32);

    /** A device with clusters of 4 to 12 blocks and a grid; when, and how, they are refused. */
    private static class Device extends TraceDevice {
        private final List<String> log = new ArrayList<>();

        Device() {
            super(List.of(cluster(4), cluster(8), cluster(12), GRID));
        }

        private static final BlockTeam GRID =
                new BlockTeam(BlockTeam.Kind.GRID, 12, 227 << 10, false);

        private static BlockTeam cluster(int blocks) {
            return new BlockTeam(BlockTeam.Kind.CLUSTER, blocks, 227 << 10, false);
        }

        void asked(String how, BlockTeam team) throws BlockTeam.Refused {
            log.add(how + " " + team.description());
        }

        @Override
        public int room(BlockTeam team, long bytes) throws BlockTeam.Refused {
            asked("room", team);
            return 1;
        }

        @Override
        public Launch prepare(Call call, BlockTeam team, long size) throws BlockTeam.Refused {
            asked("prepare", team);
            return super.prepare(call);
        }
    }

    /** What the engine is called before the first steps and after them. */
    private static List<String> engines(Device device, Backend.Options options) {
        List<String> engines = new ArrayList<>();
        try (Executor executor = new KernelExecutor(device, PLAN, Tiling.forUnits(1), options);
                DeviceDataset data = executor.upload(DIGITS)) {
            engines.add(executor.engine(DIGITS));
            executor.train(data, new Steps(1, 2).select(0, 2, PLAN.optimizer(), s -> 1e-3));
            engines.add(executor.engine(DIGITS));
        } finally {
            assertThat(device.counts().open()).isZero();
        }
        return engines;
    }

    @Test
    void aTeamForWhichThereIsNoRoomIsToldBeforeTheFirstStep() {
        Device device =
                new Device() {
                    @Override
                    void asked(String how, BlockTeam team) throws BlockTeam.Refused {
                        super.asked(how, team);
                        if (how.equals("room") && team.blocks() > 4) {
                            throw new BlockTeam.Refused("no room");
                        }
                    }
                };
        String steps =
                "fused into one launch, by a cluster of 4 blocks (not by a cluster of 12 or 8"
                        + " blocks: no room)";
        assertThat(engines(device, Backend.Options.DEFAULT)).containsExactly(steps, steps);
    }

    @Test
    void oneThatIsRefusedWhenItIsPreparedIsToldAfterwards() {
        Device device =
                new Device() {
                    @Override
                    void asked(String how, BlockTeam team) throws BlockTeam.Refused {
                        super.asked(how, team);
                        if (how.equals("prepare") && team != Device.GRID) {
                            throw new BlockTeam.Refused("too large a " + team.blocks());
                        }
                    }
                };
        assertThat(engines(device, Backend.Options.DEFAULT))
                .containsExactly(
                        "fused into one launch, by a cluster of 12 blocks",
                        "fused into one launch, by a grid of 12 blocks (not by a cluster of 12"
                                + " blocks: too large a 12; a cluster of 8 blocks: too large a 8;"
                                + " a cluster of 4 blocks: too large a 4)");
    }

    @Test
    void whereAllAreRefusedTheGraphIsLeftOrTheReasonsAreTold() {
        class None extends Device {
            @Override
            void asked(String how, BlockTeam team) throws BlockTeam.Refused {
                throw new BlockTeam.Refused("no");
            }
        }
        String reasons = "a cluster of 12, 8 or 4 blocks: no; a grid of 12 blocks: no";
        String steps = "as a list of launches (not fused: " + reasons + ")";
        assertThat(engines(new None(), Backend.Options.DEFAULT)).containsExactly(steps, steps);
        Backend.Options fused = Backend.Options.DEFAULT.with(Backend.Engine.FUSED);
        assertThatThrownBy(() -> engines(new None(), fused))
                .hasMessage(
                        "--engine fused cannot train this network here: %s: leave it to --engine auto"
                                .formatted(reasons));
    }

    /** A failure of any kind, whatever was asked for when it came. */
    @Test
    void aFailureGivesBackWhatWasTaken() {
        for (int at = 1; at <= 5; at++) {
            int last = at;
            Device device =
                    new Device() {
                        private int prepared;

                        @Override
                        void asked(String how, BlockTeam team) throws BlockTeam.Refused {
                            super.asked(how, team);
                            if (how.equals("prepare") && ++prepared == last) {
                                throw new IllegalStateException("the end");
                            }
                        }
                    };
            assertThatThrownBy(() -> engines(device, Backend.Options.DEFAULT))
                    .hasMessage("the end");
        }
    }
}
