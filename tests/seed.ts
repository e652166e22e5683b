import fc from "fast-check";

/** Every property draws the same cases each time, so that a run says the same twice; others with PROPERTY_SEED. */
fc.configureGlobal({ seed: Number(process.env.PROPERTY_SEED ?? 1) });
