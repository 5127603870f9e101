/**
 * Data to learn from: {@link org.quern.data.DataReader} reads images and tables, {@link
 * org.quern.data.Dataset} holds rows, {@link org.quern.data.Columns} turns the columns of a table
 * into numbers.
 */
package org.quern.data;
