package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.QuernException;

class ShardTest {
    /** A few variables by the names that schedulers give them. */
    private static Map<String, String> environment(String text) {
        Map<String, String> all = new LinkedHashMap<>();
        for (String one : text == null ? new String[0] : text.split(" ")) {
            String[] pair = one.split("=", 2);
            String name =
                    switch (pair[0]) {
                        case "INDEX" -> "JOB_COMPLETION_INDEX";
                        case "RANK", "SIZE" -> "OMPI_COMM_WORLD_" + pair[0];
                        default -> "SLURM_ARRAY_TASK_" + pair[0];
                    };
            all.put(name, pair[1]);
        }
        return all;
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "1/1; ; 1/1",
                "2/8; ; 2/8",
                "8/8; INDEX=3; 8/8",
                "auto/8; INDEX=0; 1/8 (JOB_COMPLETION_INDEX 0)",
                "auto/8; INDEX=7; 8/8 (JOB_COMPLETION_INDEX 7)",
                "auto; ID=1 COUNT=4 MIN=1 MAX=4 STEP=1; 1/4 (SLURM_ARRAY_TASK_ID 1 of 1 to 4)",
                "auto; ID=3 COUNT=4 MIN=0 MAX=3; 4/4 (SLURM_ARRAY_TASK_ID 3 of 0 to 3)",
                "auto/4; ID=8 COUNT=4 MIN=0 MAX=12 STEP=4; 3/4 (SLURM_ARRAY_TASK_ID 8 of 0 to 12)",
                "auto; RANK=0 SIZE=3; 1/3 (OMPI_COMM_WORLD_RANK 0 of 3)",
                "auto/3; RANK=2 SIZE=3; 3/3 (OMPI_COMM_WORLD_RANK 2 of 3)"
            })
    void saysWhichPart(String option, String environment, String shard) {
        assertThat(Shard.parse(option, environment(environment))).hasToString(shard);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "0/8; ; --shard 0/8: write I/N with I from 1 to N, auto or auto/N",
                "9/8; ; --shard 9/8: write I/N with I from 1 to N, auto or auto/N",
                "3; ; --shard 3: write I/N with I from 1 to N, auto or auto/N",
                "1/0; ; --shard 1/0: write I/N with I from 1 to N, auto or auto/N",
                "auto/0; INDEX=0; --shard auto/0: write I/N with I from 1 to N, auto or auto/N",
                "-1/2; ; --shard -1/2: write I/N with I from 1 to N, auto or auto/N",
                "1/9999999999; ; --shard 1/9999999999: write I/N with I from 1 to N, auto or auto/N",
                "auto; ; '--shard auto: the environment has no JOB_COMPLETION_INDEX, SLURM_ARRAY_TASK_ID or OMPI_COMM_WORLD_RANK: write --shard I/N'",
                "auto; INDEX=3; '--shard auto: JOB_COMPLETION_INDEX is 3, but Kubernetes does not say of how many: write --shard auto/N with the completions of the Job'",
                "auto/3; INDEX=3; --shard auto/3: JOB_COMPLETION_INDEX 3 is number 4 of 3: write --shard I/N",
                "auto/3; INDEX=x; '--shard auto: JOB_COMPLETION_INDEX is \"x\", which is no count: write --shard I/N'",
                "auto; RANK=1; '--shard auto: OMPI_COMM_WORLD_SIZE is \"\", which is no count: write --shard I/N'",
                "auto/2; INDEX=1 RANK=1 SIZE=2; '--shard auto/2: the environment says it twice, by JOB_COMPLETION_INDEX and OMPI_COMM_WORLD_RANK: write --shard I/N'",
                // tasks that are done again alone, of an array of eight
                "auto/8; ID=3 COUNT=1 MIN=3 MAX=3 STEP=1; --shard auto/8: SLURM_ARRAY_TASK_ID 3 of 3 to 3 is number 1 of 1: write --shard I/N",
                "auto; ID=3 COUNT=3 MIN=1 MAX=7 STEP=1; --shard auto: SLURM_ARRAY_TASK_ID 3 of 1 to 7 are not the 3 tasks of a whole array: write --shard I/N"
            })
    void orWhyNot(String option, String environment, String message) {
        assertThatThrownBy(() -> Shard.parse(option, environment(environment)))
                .isInstanceOf(QuernException.class)
                .hasMessage(message);
    }

    @Test
    void eachIsInOnePart() {
        for (int count = 1; count <= 9; count++) {
            for (int size = 0; size <= 40; size++) {
                List<Integer> all = IntStream.range(0, size).boxed().toList();
                List<Integer> parts = new ArrayList<>();
                for (int number = 1; number <= count; number++) {
                    List<Integer> part = new Shard(number, count, "").of(all);
                    assertThat(part).isSorted().hasSizeBetween(size / count, size / count + 1);
                    parts.addAll(part);
                }
                assertThat(parts).containsExactlyInAnyOrderElementsOf(all);
            }
        }
    }

    /** The widest networks are every fourth: no shard has all of them. */
    @Test
    void noPartHasTheWidestOnly() {
        List<Integer> all = IntStream.range(0, 16).boxed().toList();
        for (int number = 1; number <= 4; number++) {
            List<Integer> part = new Shard(number, 4, "").of(all);
            assertThat(part.stream().map(i -> i % 4)).containsExactlyInAnyOrder(0, 1, 2, 3);
            assertThat(part.stream().map(i -> i % 2).filter(i -> i == 1)).hasSize(2);
        }
    }
}
