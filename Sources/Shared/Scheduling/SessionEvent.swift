package import Digests

/// What can happen to a worker's session.
package enum SessionEvent: Hashable, Sendable {
    /// The coordinator accepted the worker.
    ///
    /// `resources` are needed before any fit, in this order; `rowCreditBytes` is how many bytes of
    /// rows may be on the way at once. `keepsRows` says whether rows of an earlier connection are of
    /// use: they are when the coordinator has the same input and options.
    case welcomed(resources: [ResourceDemand], rowCreditBytes: UInt64, keepsRows: Bool = true)
    /// Fits share what they read, so that more of them than threads may run at once.
    case mayFitAtOnce(Int)
    /// The coordinator refused the worker; `retry` says whether a later try may succeed.
    case refused(String, retry: Bool)
    /// A resource is here completely and its digest is right.
    case resourceComplete(String)
    /// A resource is here completely and its digest is wrong.
    case resourceDamaged(String)
    /// The coordinator does not have a resource.
    case resourceMissing(String, reason: String)
    /// The coordinator granted a lease.
    case leaseGranted(LeaseID, solo: Bool, units: [LeasedUnit])
    /// A fit ended with a row of this many bytes, which the owner keeps until it is sent.
    case fitFinished(PerturbationIndex, rowBytes: UInt64)
    /// A fit ended with an error.
    case fitThrew(PerturbationIndex, reason: String)
    /// The last byte of a row was handed to the link.
    case rowSent(PerturbationIndex)
    /// The coordinator gave back row credit.
    case creditReturned(UInt64)
    /// These rows are safe on the coordinator's disk.
    case rowsDurable([PerturbationIndex])
    /// The coordinator asks for units that have not been started.
    case revoked(LeaseID, [PerturbationIndex])
    /// The coordinator has a unit's row from elsewhere.
    case cancelled(LeaseID, PerturbationIndex)
    /// What becomes of the rows that were offered: some are wanted under a lease, some forgotten.
    case offerAnswered(LeaseID, wanted: [PerturbationIndex], unneeded: [PerturbationIndex])
    /// The coordinator asks the worker to finish what it is fitting and leave.
    case finishRequested
    /// A signal asks the worker to finish what it is fitting and leave.
    case terminateRequested
    /// The link closed; nothing can be sent any more.
    case linkClosed(String)
    /// A coordinator was found again and has been greeted.
    case reconnected
}

/// A named resource to fetch.
package struct ResourceDemand: Hashable, Sendable {
    /// The name the coordinator knows it by.
    package let name: String
    /// Its length in bytes.
    package let bytes: UInt64
    /// Its digest, to be compared with that of the bytes that came.
    package let digest: Digest128

    /// Describes a resource.
    package init(name: String, bytes: UInt64, digest: Digest128) {
        self.name = name
        self.bytes = bytes
        self.digest = digest
    }
}

/// One perturbation of a lease with the count block it is fitted from.
package struct LeasedUnit: Hashable, Sendable {
    /// The perturbation to fit.
    package let perturbation: PerturbationIndex
    /// Its count block.
    package let block: ResourceDemand

    /// Describes one perturbation of a lease.
    package init(perturbation: PerturbationIndex, block: ResourceDemand) {
        self.perturbation = perturbation
        self.block = block
    }
}
