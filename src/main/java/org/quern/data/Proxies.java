package org.quern.data;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;

import java.io.IOException;
import java.net.Authenticator;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.PasswordAuthentication;
import java.net.Proxy;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Connections through the proxy that the variables name which curl and others go by: {@code
 * https_proxy}, {@code http_proxy}, {@code all_proxy} and {@code no_proxy}, also in upper case;
 * where none does, that of Java's own properties ({@code -Dhttps.proxyHost}).
 */
final class Proxies {
    /** Java's list of what a proxy may not ask for before it lets HTTPS through: passwords. */
    private static final String FORBIDDEN = "jdk.http.auth.tunneling.disabledSchemes";

    private static final int PORT = 80; // where the address has none

    private final Map<String, String> environment;

    Proxies(Map<String, String> environment) {
        this.environment = environment;
    }

    /** A connection that is not made yet. */
    HttpURLConnection open(URI address) throws IOException {
        URI proxy = of(address);
        if (proxy == null) {
            return (HttpURLConnection) address.toURL().openConnection();
        }
        if (proxy.getUserInfo() != null && System.getProperty(FORBIDDEN) == null) {
            System.setProperty(FORBIDDEN, ""); // read once, by the first connection
        }
        int port = proxy.getPort() < 0 ? PORT : proxy.getPort();
        Proxy by = new Proxy(Proxy.Type.HTTP, new InetSocketAddress(proxy.getHost(), port));
        HttpURLConnection connection = (HttpURLConnection) address.toURL().openConnection(by);
        if (proxy.getUserInfo() != null) {
            String[] user = proxy.getUserInfo().split(":", 2);
            char[] password = user.length < 2 ? new char[0] : user[1].toCharArray();
            connection.setAuthenticator(
                    new Authenticator() {
                        @Override
                        protected PasswordAuthentication getPasswordAuthentication() {
                            boolean asks = getRequestorType() == RequestorType.PROXY;
                            return asks ? new PasswordAuthentication(user[0], password) : null;
                        }
                    });
        }
        return connection;
    }

    /** The proxy that the variables name for an address; null if none. */
    URI of(URI address) {
        for (String variable : List.of(address.getScheme() + "_proxy", "all_proxy")) {
            String value = value(variable);
            if (!value.isEmpty()) {
                return isDirect(address) ? null : parsed(variable, value);
            }
        }
        return null;
    }

    private String value(String variable) {
        String upper = environment.getOrDefault(variable.toUpperCase(Locale.ROOT), "");
        return environment.getOrDefault(variable, upper).strip();
    }

    private static URI parsed(String variable, String value) {
        // its value may hold a password, and is not shown
        String wrong = "%s is not the address of a proxy that speaks HTTP: write http://HOST:PORT";
        try {
            URI proxy = URI.create(value.contains("://") ? value : "http://" + value);
            boolean fits = proxy.getHost() != null && "http".equals(proxy.getScheme());
            require(fits, wrong, variable);
            return proxy;
        } catch (IllegalArgumentException e) {
            throw data(wrong, variable);
        }
    }

    /** Whether {@code no_proxy} names a host, a domain that it is in, or all. */
    private boolean isDirect(URI address) {
        String host = "." + address.getHost().toLowerCase(Locale.ROOT);
        return Stream.of(value("no_proxy").toLowerCase(Locale.ROOT).split("[,\\s]+"))
                .map(one -> one.replaceFirst("^\\*?\\.", ""))
                .anyMatch(one -> one.equals("*") || !one.isEmpty() && host.endsWith("." + one));
    }
}
