package import Digests

/// The number of one worker's session, given by the coordinator when the worker joins.
///
/// A worker that connects again gets a new number, so messages of an old session can never be
/// taken for those of the new one.
package struct WorkerID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number itself.
    package let rawValue: UInt64

    /// Wraps a session number.
    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Orders sessions by the time they joined.
    package static func < (left: WorkerID, right: WorkerID) -> Bool {
        left.rawValue < right.rawValue
    }

    /// Text for logs and reasons, such as `worker 3`.
    package var description: String { "worker \(rawValue)" }
}

/// The number of one lease, unique within a run of the coordinator.
package struct LeaseID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number itself; the first lease of a run is 1.
    package let rawValue: UInt64

    /// Wraps a lease number.
    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Orders leases by the time they were granted.
    package static func < (left: LeaseID, right: LeaseID) -> Bool {
        left.rawValue < right.rawValue
    }

    /// Text for logs and reasons, such as `lease 12`.
    package var description: String { "lease \(rawValue)" }
}

/// A perturbation's position in the result: row 0 is the first perturbation of the file.
package struct PerturbationIndex: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The 0-based row.
    package let rawValue: UInt32

    /// Wraps a row position.
    package init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Orders perturbations as the result lists them.
    package static func < (left: PerturbationIndex, right: PerturbationIndex) -> Bool {
        left.rawValue < right.rawValue
    }

    /// Text for logs and reasons, such as `perturbation 41`.
    package var description: String { "perturbation \(rawValue)" }
}

/// The digest of one result row, computed by the worker that fitted it.
package typealias RowDigest = Digest128
