/// Perturbations of one lease: what a coordinator asks back, or what a worker returns.
package struct LeasePart: Equatable, Sendable {
    /// Number of the lease.
    package var lease: UInt64
    /// Distinct, at least one.
    package var perturbations: [UInt32]

    /// Names part of a lease.
    package init(lease: UInt64, perturbations: [UInt32]) {
        self.lease = lease
        self.perturbations = perturbations
    }

    func validate(in message: String) throws(WireProtocolError) {
        let rules = FieldRules(message: message)
        let most = ProtocolLimits.leasedPerturbations
        try rules.number(perturbations.count, "perturbations", in: 1...most)
        try rules.distinct(perturbations, "perturbations")
    }
}

/// A row that a worker kept from an earlier connection, or is about to have.
package struct OfferedRow: Equatable, Sendable {
    /// The perturbation's position in the run.
    package var perturbation: UInt32
    /// Digest of the row's bytes; nil while the fit goes on.
    package var digest: Bytes16?

    /// Describes a row that can be had.
    package init(perturbation: UInt32, digest: Bytes16?) {
        self.perturbation = perturbation
        self.digest = digest
    }

    static func validate(_ rows: [OfferedRow]) throws(WireProtocolError) {
        let rules = FieldRules(message: "rows_offered")
        try rules.count(rows.count, "rows", atMost: ProtocolLimits.offeredRows)
        try rules.distinct(rows.map(\.perturbation), "rows")
    }
}

/// What becomes of rows that a worker offered; those named nowhere are kept until they are durable.
package struct OfferAnswer: Equatable, Sendable {
    /// The lease under which wanted rows are to be sent; of no meaning when none is wanted.
    package var lease: UInt64
    /// Rows to send.
    package var wanted: [UInt32]
    /// Rows to forget.
    package var unneeded: [UInt32]

    /// Answers an offer.
    package init(lease: UInt64, wanted: [UInt32], unneeded: [UInt32]) {
        self.lease = lease
        self.wanted = wanted
        self.unneeded = unneeded
    }

    func validate() throws(WireProtocolError) {
        let rules = FieldRules(message: "offer_answer")
        let most = ProtocolLimits.offeredRows
        try rules.count(wanted.count, "wanted", atMost: most)
        try rules.count(unneeded.count, "unneeded", atMost: most)
        try rules.distinct(wanted + unneeded, "wanted")
    }
}
