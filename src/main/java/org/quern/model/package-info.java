/** What a network is: its layers, activations and scaling of the input. */
package org.quern.model;
