/** Results as text, pages and charts. */
package org.quern.report;
