package org.quern.backend.opencl;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import org.lwjgl.opencl.CL10;
import org.lwjgl.opencl.CL11;
import org.lwjgl.opencl.CL12;
import org.quern.QuernException;

/** OpenCL's error numbers, by name. */
final class OpenclErrors {
    private OpenclErrors() {}

    /** Fails unless a call returned success. */
    static void check(int code, String call) {
        if (code != CL10.CL_SUCCESS) {
            throw failure(code, call);
        }
    }

    /** What a failed call is told as. */
    static QuernException failure(int code, String call) {
        String cure =
                switch (code) {
                    case CL10.CL_OUT_OF_RESOURCES,
                            CL10.CL_MEM_OBJECT_ALLOCATION_FAILURE,
                            CL10.CL_OUT_OF_HOST_MEMORY ->
                            ": use a smaller batch, or give less memory to data (--device-memory)";
                    default -> ": run with --sync to learn which op, or use another --device";
                };
        return new QuernException(
                QuernException.Kind.DEVICE,
                "the OpenCL device failed: %s gave %s%s".formatted(call, name(code), cure));
    }

    /** What a device is told as that cannot be opened. */
    static QuernException unopened(String device, String call, int code) {
        return QuernException.backend(
                "%s cannot be opened: %s gave %s: use another --device or --backend",
                device, call, name(code));
    }

    /** The constant's name, for instance {@code CL_OUT_OF_RESOURCES}. */
    static String name(int code) {
        for (Class<?> constants : new Class<?>[] {CL10.class, CL11.class, CL12.class}) {
            for (Field field : constants.getDeclaredFields()) {
                if (Modifier.isStatic(field.getModifiers())
                        && field.getType() == int.class
                        && code < 0
                        && field.getName().startsWith("CL_")) {
                    try {
                        if (field.getInt(null) == code) {
                            return field.getName();
                        }
                    } catch (IllegalAccessException e) {
                        throw new IllegalStateException(field + " is public", e);
                    }
                }
            }
        }
        return "error " + code;
    }
}
