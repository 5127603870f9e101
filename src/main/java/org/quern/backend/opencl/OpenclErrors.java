package org.quern.backend.opencl;

import java.lang.reflect.Field;
import org.lwjgl.opencl.CL12;
import org.quern.QuernException;

/** OpenCL's error numbers, by name. */
final class OpenclErrors {
    private OpenclErrors() {}

    static void check(int code, String call) {
        if (code != CL12.CL_SUCCESS) {
            throw failure(code, call);
        }
    }

    static QuernException failure(int code, String call) {
        String cure =
                switch (code) {
                    case CL12.CL_OUT_OF_RESOURCES,
                            CL12.CL_MEM_OBJECT_ALLOCATION_FAILURE,
                            CL12.CL_OUT_OF_HOST_MEMORY ->
                            ": use a smaller batch, or give less memory to data (--device-memory)";
                    default -> ": run with --sync to learn which op, or use another --device";
                };
        return QuernException.device(
                "the OpenCL device failed: %s gave %s%s", call, name(code), cure);
    }

    /** The constant's name, for instance {@code CL_OUT_OF_RESOURCES}; LWJGL must be loaded. */
    static String name(int code) {
        try {
            for (Field field : CL12.class.getFields()) {
                if (code < 0 && field.getType() == int.class && field.getInt(null) == code) {
                    return field.getName();
                }
            }
        } catch (IllegalAccessException e) {
            throw new IllegalStateException("constants are public", e);
        }
        return "error " + code;
    }
}
