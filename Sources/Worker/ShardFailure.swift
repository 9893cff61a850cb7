package import RunFiles

/// Why a part of a prepared run cannot be fitted: one line for a person, one number for a script.
package struct ShardFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The exit status.
    package let status: Int32
    /// What failed, on what, why, and what to do.
    package let description: String

    /// A failure with its exit status.
    package init(_ status: Int32, _ description: String) {
        self.status = status
        self.description = description
    }

    /// A failure of the files in the run directory.
    package init(_ error: RunFilesError) {
        switch error {
        case .missing: self.init(66, "\(error)")
        case .damaged, .otherRun:
            self.init(65, "\(error); prepare the run again with --force")
        case .system: self.init(74, "\(error)")
        }
    }

    /// Runs a step on the files of the run directory.
    static func wrapping<Result: ~Copyable>(
        _ body: () throws(RunFilesError) -> Result
    ) throws(ShardFailure) -> Result {
        do throws(RunFilesError) { return try body() } catch { throw ShardFailure(error) }
    }
}
