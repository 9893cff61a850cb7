/// One perturbation of a lease.
package struct LeasedPerturbation: Equatable, Sendable {
    /// The perturbation's position in the run: order of first appearance in the input.
    package var index: UInt32
    /// Number of its cells.
    package var cells: UInt32
    /// The resource that holds its counts.
    package var block: ResourceDescription

    /// Makes an entry of a lease.
    package init(index: UInt32, cells: UInt32, block: ResourceDescription) {
        self.index = index
        self.cells = cells
        self.block = block
    }
}

/// Work for one worker.
package struct LeaseGrant: Equatable, Sendable {
    /// Number of the lease; rows and failures repeat it.
    package var lease: UInt64
    /// Whether this one perturbation must run with nothing beside it in the process.
    package var solo: Bool
    /// What to fit; distinct, at least one, exactly one when `solo`.
    package var perturbations: [LeasedPerturbation]

    /// Makes a lease.
    package init(lease: UInt64, solo: Bool, perturbations: [LeasedPerturbation]) {
        self.lease = lease
        self.solo = solo
        self.perturbations = perturbations
    }

    func validate() throws(WireProtocolError) {
        let rules = FieldRules(message: "lease")
        let most = solo ? 1 : ProtocolLimits.leasedPerturbations
        try rules.number(perturbations.count, "perturbations", in: 1...most)
        for perturbation in perturbations {
            try perturbation.block.validate(in: "lease")
        }
        try rules.distinct(perturbations.map(\.index), "perturbations")
    }
}
