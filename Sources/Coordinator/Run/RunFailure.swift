/// The exit statuses of the coordinator, after `sysexits.h`.
package enum ProgramStatus: Int32, Sendable {
    /// Everything was done.
    case complete = 0
    /// The result is published, but some perturbations have no row.
    case incomplete = 3
    /// The command line makes no sense.
    case usage = 64
    /// The input is bad, changed, or lacks a column or label.
    case badInput = 65
    /// There is no such input.
    case noInput = 66
    /// No workers came.
    case noWorkers = 69
    /// A bug, or workers that keep dying.
    case internalError = 70
    /// The output cannot be created.
    case cannotCreate = 73
    /// Reading or writing failed, or the disk is full.
    case inputOutput = 74
    /// Stopped early; `--resume` goes on.
    case stopped = 75
    /// Not authorised, or another version.
    case refused = 77
}

/// Why a run ended without a complete result: one line for a person, one number for a script.
package struct RunFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The exit status.
    package let status: ProgramStatus
    /// What failed, on what, why, and what to do.
    package let description: String

    /// A failure with its exit status.
    package init(_ status: ProgramStatus, _ description: String) {
        self.status = status
        self.description = description
    }
}
