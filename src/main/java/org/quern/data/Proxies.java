package org.quern.data;

import static org.quern.QuernException.data;

import java.io.IOException;
import java.net.Authenticator;
import java.net.InetSocketAddress;
import java.net.PasswordAuthentication;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The proxy for an address, by the variables that curl and others go by: {@code https_proxy},
 * {@code http_proxy}, {@code all_proxy} and {@code no_proxy}, also in upper case; where none names
 * one, by Java's own properties ({@code -Dhttps.proxyHost}).
 */
final class Proxies extends ProxySelector {
    /** Java's list of what a proxy may not ask for before it lets HTTPS through: passwords. */
    private static final String FORBIDDEN = "jdk.http.auth.tunneling.disabledSchemes";

    private static final int PORT = 80; // where the address has none

    private final Map<String, String> environment;

    Proxies(Map<String, String> environment) {
        this.environment = environment;
        if (System.getProperty(FORBIDDEN) == null
                && Stream.of("https_proxy", "all_proxy")
                        .anyMatch(one -> value(one).contains("@"))) {
            System.setProperty(FORBIDDEN, ""); // to be set before the first client is made
        }
    }

    private String value(String variable) {
        String upper = environment.getOrDefault(variable.toUpperCase(Locale.ROOT), "");
        return environment.getOrDefault(variable, upper).strip();
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

    private static URI parsed(String variable, String value) {
        // its value may hold a password, and is not shown
        String wrong = "%s is not the address of a proxy that speaks HTTP: write http://HOST:PORT";
        try {
            URI proxy = URI.create(value.contains("://") ? value : "http://" + value);
            if (proxy.getHost() != null && "http".equals(proxy.getScheme())) {
                return proxy;
            }
        } catch (IllegalArgumentException e) {
            throw data(wrong, variable);
        }
        throw data(wrong, variable);
    }

    /** Whether {@code no_proxy} names a host, a domain that it is in, or all. */
    private boolean isDirect(URI address) {
        String host = "." + address.getHost().toLowerCase(Locale.ROOT);
        return Stream.of(value("no_proxy").toLowerCase(Locale.ROOT).split("[,\\s]+"))
                .map(one -> one.replaceFirst("^\\*?\\.", ""))
                .anyMatch(one -> one.equals("*") || !one.isEmpty() && host.endsWith("." + one));
    }

    @Override
    public List<Proxy> select(URI address) {
        URI proxy = of(address);
        if (proxy == null) {
            boolean unnamed = value("all_proxy").isEmpty() && value("https_proxy").isEmpty();
            return unnamed ? getDefault().select(address) : List.of(Proxy.NO_PROXY);
        }
        int port = proxy.getPort() < 0 ? PORT : proxy.getPort();
        return List.of(new Proxy(Proxy.Type.HTTP, new InetSocketAddress(proxy.getHost(), port)));
    }

    @Override
    public void connectFailed(URI address, SocketAddress proxy, IOException e) {
        // who asked is told
    }

    /** Gives a proxy the name and password that are in its address. */
    Authenticator authenticator() {
        return new Authenticator() {
            @Override
            protected PasswordAuthentication getPasswordAuthentication() {
                URI proxy = of(URI.create(getRequestingURL().toString()));
                if (getRequestorType() != RequestorType.PROXY
                        || proxy == null
                        || proxy.getUserInfo() == null) {
                    return null;
                }
                String[] user = proxy.getUserInfo().split(":", 2);
                char[] password = user.length < 2 ? new char[0] : user[1].toCharArray();
                return new PasswordAuthentication(user[0], password);
            }
        };
    }
}
