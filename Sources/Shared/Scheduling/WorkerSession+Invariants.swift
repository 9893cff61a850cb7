extension WorkerSession {
    /// Checks that the session keeps its limits; meant for tests.
    ///
    /// - Returns: One sentence for each violation; empty when all is well.
    package func checkInvariants() -> [String] {
        var violations = shelf.checkInvariants()
        if running.count > fitsAtOnce {
            violations.append("more fits run than are allowed")
        }
        if running.count > 1 && running.values.contains(where: \.isSolo) {
            violations.append("a unit that must run alone runs beside another")
        }
        if queuedRows.count(where: { !$0.isKept }) >= 2 * fitsAtOnce {
            violations.append("too many rows wait for credit")
        }
        if !credit.isWithinLimit {
            violations.append("more row bytes are on the way than the credit allows")
        }
        if phase == .working, !queuedRows.isEmpty, credit.inUse == 0 {
            violations.append("a row waits although nothing is on the way")
        }
        let canStart =
            phase == .working && shelf.isCommonComplete && running.isEmpty
            && queuedRows.count < fitsAtOnce
        if canStart && waiting.contains(where: { isReady($0) }) {
            violations.append("a unit is ready and nothing runs")
        }
        if kept.bytes > kept.limit && kept.count > 1 {
            violations.append("more rows are kept than the credit allows")
        }
        let places = kept.all + queuedRows.map(\.perturbation) + sending.keys + running.keys
        if Set(places).count != places.count {
            violations.append("a row is in two places")
        }
        if phase == .detached && !(waiting.isEmpty && queuedRows.isEmpty && sending.isEmpty) {
            violations.append("something is held for a connection that is gone")
        }
        if phase == .leaving && heldCount == 0 {
            violations.append("the session should have ended")
        }
        return violations
    }
}
