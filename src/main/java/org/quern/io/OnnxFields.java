package org.quern.io;

import java.util.Set;

/** Numbers of the fields in onnx.proto3 that Quern writes or reads, and of some values in them. */
final class OnnxFields {
    private OnnxFields() {}

    static final int MODEL_IR_VERSION = 1;
    static final int MODEL_PRODUCER = 2;
    static final int MODEL_GRAPH = 7;
    static final int MODEL_OPSET = 8;
    static final int MODEL_METADATA = 14;

    static final int OPSET_DOMAIN = 1;
    static final int OPSET_VERSION = 2;

    /** Of an entry of metadata and of where external data are. */
    static final int ENTRY_KEY = 1;

    static final int ENTRY_VALUE = 2;

    static final int GRAPH_NODE = 1;
    static final int GRAPH_NAME = 2;
    static final int GRAPH_INITIALIZER = 5;
    static final int GRAPH_INPUT = 11;
    static final int GRAPH_OUTPUT = 12;

    static final int NODE_INPUT = 1;
    static final int NODE_OUTPUT = 2;
    static final int NODE_NAME = 3;
    static final int NODE_TYPE = 4;
    static final int NODE_ATTRIBUTE = 5;
    static final int NODE_DOMAIN = 7;

    static final int ATTRIBUTE_NAME = 1;
    static final int ATTRIBUTE_FLOAT = 2;
    static final int ATTRIBUTE_INT = 3;
    static final int ATTRIBUTE_TEXT = 4;
    static final int ATTRIBUTE_TENSOR = 5;
    static final int ATTRIBUTE_FLOATS = 7;
    static final int ATTRIBUTE_INTS = 8;
    static final int ATTRIBUTE_TYPE = 20;

    /** The type of an attribute that is a whole number. */
    static final int INT = 2;

    static final int TENSOR_DIMS = 1;
    static final int TENSOR_TYPE = 2;
    static final int TENSOR_FLOATS = 4;
    static final int TENSOR_INT32S = 5;
    static final int TENSOR_INT64S = 7;
    static final int TENSOR_NAME = 8;
    static final int TENSOR_RAW = 9;
    static final int TENSOR_DOUBLES = 10;
    static final int TENSOR_EXTERNAL = 13;
    static final int TENSOR_LOCATION = 14;

    /** Types of a tensor's numbers. */
    static final int FLOAT = 1;

    static final int INT32 = 6;
    static final int INT64 = 7;
    static final int FLOAT16 = 10;
    static final int DOUBLE = 11;
    static final int BFLOAT16 = 16;

    static final Set<Integer> FLOATS = Set.of(FLOAT, FLOAT16, DOUBLE, BFLOAT16);

    /** The location of a tensor whose numbers are in another file. */
    static final int EXTERNAL = 1;

    static final int VALUE_NAME = 1;
    static final int VALUE_TYPE = 2;
    static final int TYPE_TENSOR = 1;
    static final int TYPE_ELEMENT = 1;
    static final int TYPE_SHAPE = 2;
    static final int SHAPE_DIMENSION = 1;
    static final int DIMENSION_EXTENT = 1;
    static final int DIMENSION_NAME = 2;
}
