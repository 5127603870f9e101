package org.quern.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.Buffer;
import java.util.ArrayList;
import java.util.List;
import jcuda.NativePointerObject;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUstream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.quern.backend.Usable;
import org.quern.backend.gpu.BlockTeam;
import org.quern.backend.gpu.Call;

/**
 * What is given to the driver and to cuBLAS at each launch lies outside the heap: JCuda would pin
 * or copy an array each time.
 */
@Tag("jdk")
class OffHeapTest {
    private static final Call CALL = new Call("finite_check", 1, 1, List.of(1, 2f, 3));

    @BeforeEach
    void needsTheDriver() {
        Usable.named("cuda");
    }

    @Test
    void argumentsOfALaunch() throws Exception {
        assertAllDirect(
                new CudaLaunch.Kernel(CALL, new CUfunction(), new CUstream()),
                CudaLaunch.Kernel.class);
    }

    @Test
    void argumentsOfATeam() throws Exception {
        BlockTeam team = new BlockTeam(BlockTeam.Kind.GRID, 4, 1, false);
        assertAllDirect(
                new CudaLaunch.Team(CALL, team, 0, new CUfunction(), new CUstream()),
                CudaLaunch.Team.class);
    }

    @Test
    void factorsOfCublas() throws Exception {
        assertAllDirect(null, Cublas.class);
    }

    /** The pointers in an object's fields, or in a class's own, and all that they point to. */
    private static void assertAllDirect(Object owner, Class<?> of) throws Exception {
        List<Buffer> buffers = new ArrayList<>();
        for (Field field : of.getDeclaredFields()) {
            if (field.getType() == Pointer.class
                    && (owner != null || Modifier.isStatic(field.getModifiers()))) {
                field.setAccessible(true);
                collect((Pointer) field.get(owner), buffers);
            }
        }
        assertThat(buffers).isNotEmpty().allMatch(Buffer::isDirect);
    }

    private static void collect(Pointer pointer, List<Buffer> buffers) throws Exception {
        Object buffer = field(pointer, "buffer");
        if (buffer != null) {
            buffers.add((Buffer) buffer);
        }
        Object pointers = field(pointer, "pointers");
        for (int i = 0; pointers != null && i < Array.getLength(pointers); i++) {
            NativePointerObject one = (NativePointerObject) Array.get(pointers, i);
            if (one instanceof Pointer next) {
                collect(next, buffers);
            }
        }
    }

    private static Object field(Pointer pointer, String name) throws Exception {
        Field field = Pointer.class.getDeclaredField(name);
        field.setAccessible(true);
        return field.get(pointer);
    }
}
