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
        if queuedRows.count >= 2 * fitsAtOnce {
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
        if canStart && waiting.contains(where: { shelf.isReady($0.unit.block.name) }) {
            violations.append("a unit is ready and nothing runs")
        }
        if phase == .leaving && heldCount == 0 {
            violations.append("the session should have ended")
        }
        return violations
    }
}
