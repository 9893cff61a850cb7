// Fits that end, rows that are kept, and units that are asked back.

extension WorkerSession {
    mutating func fitFinished(
        _ perturbation: PerturbationIndex,
        _ rowBytes: UInt64,
        _ actions: inout [SessionAction]
    ) {
        guard let held = endFit(perturbation, &actions) else { return }
        if held.isCancelled {
            actions.append(.forgetRow(perturbation))
            if let lease = held.lease { actions.append(.sendReturned(lease, [perturbation])) }
        } else if let lease = held.lease {
            queuedRows.append(
                QueuedRow(perturbation: perturbation, lease: lease, bytes: rowBytes, isKept: false)
            )
        } else {
            keep(perturbation, rowBytes, &actions)
        }
    }

    mutating func fitThrew(
        _ perturbation: PerturbationIndex,
        _ reason: String,
        _ actions: inout [SessionAction]
    ) {
        guard let held = endFit(perturbation, &actions), let lease = held.lease else { return }
        if held.isCancelled {
            actions.append(.sendReturned(lease, [perturbation]))
        } else {
            actions.append(.sendFitFailed(lease, perturbation, reason: reason))
        }
    }

    private mutating func endFit(
        _ perturbation: PerturbationIndex,
        _ actions: inout [SessionAction]
    ) -> HeldUnit? {
        guard let held = running.removeValue(forKey: perturbation) else {
            ignoredEventCount += 1
            return nil
        }
        if held.isOnShelf { giveBack(held.unit.block.name, &actions) }
        return held
    }

    // MARK: - Rows that are kept

    /// Keeps a row until it is durable; the oldest go when there is no room.
    mutating func keep(
        _ perturbation: PerturbationIndex,
        _ bytes: UInt64,
        _ actions: inout [SessionAction]
    ) {
        guard comesBack else {
            actions.append(.forgetRow(perturbation))
            return
        }
        for dropped in kept.add(perturbation, bytes) { actions.append(.forgetRow(dropped)) }
    }

    mutating func forget(_ perturbation: PerturbationIndex, _ actions: inout [SessionAction]) {
        guard kept.remove(perturbation) != nil else { return }
        actions.append(.forgetRow(perturbation))
    }

    mutating func offerAnswered(
        _ lease: LeaseID,
        _ wanted: [PerturbationIndex],
        _ unneeded: [PerturbationIndex],
        _ actions: inout [SessionAction]
    ) {
        var missing: [PerturbationIndex] = []
        for perturbation in wanted {
            if let bytes = kept.remove(perturbation) {
                queuedRows.append(
                    QueuedRow(perturbation: perturbation, lease: lease, bytes: bytes, isKept: true)
                )
            } else if let fit = running[perturbation], fit.lease == nil, !fit.isCancelled {
                running[perturbation]?.lease = lease
            } else {
                // Its fit has failed meanwhile, or there was no room for its row.
                missing.append(perturbation)
            }
        }
        if !missing.isEmpty { actions.append(.sendReturned(lease, missing)) }
        for perturbation in unneeded {
            forget(perturbation, &actions)
            if running[perturbation]?.lease == nil { running[perturbation]?.isCancelled = true }
        }
    }

    // MARK: - Units that are asked back

    mutating func revoked(
        _ lease: LeaseID,
        _ perturbations: [PerturbationIndex],
        _ actions: inout [SessionAction]
    ) {
        let asked = Set(perturbations)
        let dropped = waiting.filter { $0.lease == lease && asked.contains($0.unit.perturbation) }
        guard !dropped.isEmpty else { return noteIgnored(unless: false) }
        waiting.removeAll { $0.lease == lease && asked.contains($0.unit.perturbation) }
        for held in dropped { giveBack(held.unit.block.name, &actions) }
        actions.append(.sendReturned(lease, dropped.map(\.unit.perturbation)))
    }

    mutating func cancelled(
        _ lease: LeaseID,
        _ perturbation: PerturbationIndex,
        _ actions: inout [SessionAction]
    ) {
        if running[perturbation]?.lease == lease {
            // Arithmetic cannot be stopped from outside; the answer comes when it ends.
            running[perturbation]?.isCancelled = true
        } else if let position = queuedRows.firstIndex(where: {
            $0.perturbation == perturbation && $0.lease == lease
        }) {
            queuedRows.remove(at: position)
            actions.append(.forgetRow(perturbation))
            actions.append(.sendReturned(lease, [perturbation]))
        } else {
            revoked(lease, [perturbation], &actions)
        }
    }
}

/// Rows that the coordinator may ask for again, oldest first.
struct KeptRows {
    /// The most bytes they may take together; one row may exceed it.
    var limit: UInt64 = 0
    private var bytesOf: [PerturbationIndex: UInt64] = [:]
    private var order: [PerturbationIndex] = []
    private(set) var bytes: UInt64 = 0

    var count: Int { bytesOf.count }

    /// Every row, oldest first.
    var all: [PerturbationIndex] { order.filter { bytesOf[$0] != nil } }

    /// Adds a row and returns those that had to go for it.
    mutating func add(_ perturbation: PerturbationIndex, _ size: UInt64) -> [PerturbationIndex] {
        _ = remove(perturbation)
        var dropped: [PerturbationIndex] = []
        order.removeAll { bytesOf[$0] == nil }
        for oldest in order where !bytesOf.isEmpty && bytes + size > limit {
            _ = remove(oldest)
            dropped.append(oldest)
        }
        bytesOf[perturbation] = size
        bytes += size
        order.append(perturbation)
        return dropped
    }

    /// Takes a row out; nil when it is not there.
    mutating func remove(_ perturbation: PerturbationIndex) -> UInt64? {
        guard let size = bytesOf.removeValue(forKey: perturbation) else { return nil }
        bytes -= size
        return size
    }

    mutating func removeAll() -> [PerturbationIndex] {
        let rows = all
        bytesOf = [:]
        order = []
        bytes = 0
        return rows
    }
}
