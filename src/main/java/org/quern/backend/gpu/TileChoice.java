package org.quern.backend.gpu;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Chooses tiles for a device's products: by a rule, and by its times where it has a table. */
record TileChoice(Device device, Tiling.Choice rule) {
    /** The tile for a product, and all that it takes beside: the fastest of those in question. */
    Tiling of(String what, int m, int n, int k, Function<Tiling, Call> own) {
        List<Tiling> among = rule.among(m, n);
        if (among.size() == 1) {
            return among.get(0);
        }
        List<Device.GemmVariant> ways = new ArrayList<>();
        for (Tiling tile : among) {
            List<Device.Launch> launch = List.of(device.prepare(own.apply(tile)));
            ways.add(new Device.GemmVariant(tile.text(), launch));
        }
        int taken = ways.indexOf(device.table().fastest(what, m, n, k, ways));
        ways.forEach(way -> way.launches().forEach(Device.Launch::close));
        return among.get(taken);
    }
}
