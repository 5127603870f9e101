/**
 * Where a network is computed: {@link org.quern.backend.Backends} chooses among CUDA, OpenCL, C and
 * Java.
 */
package org.quern.backend;
