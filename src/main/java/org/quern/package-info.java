/** The exception that every other package throws. */
package org.quern;
