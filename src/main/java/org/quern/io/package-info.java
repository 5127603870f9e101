/** Files of models: safetensors, ONNX, Keras'. */
package org.quern.io;
