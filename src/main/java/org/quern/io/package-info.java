/** Files of models: safetensors, ONNX. */
package org.quern.io;
