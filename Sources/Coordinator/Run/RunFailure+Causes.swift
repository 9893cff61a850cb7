import AnnData
import CountBlocks

extension RunFailure {
    /// Runs a step and turns a lower module's error into a failure of the run.
    static func wrapping<Result>(
        _ body: () throws(AnnDataWriteError) -> Result
    ) throws(RunFailure) -> Result {
        do throws(AnnDataWriteError) { return try body() } catch { throw RunFailure(error) }
    }

    /// Runs a step on count blocks; what fails there is the scratch file.
    static func wrapping<Result>(
        _ body: () throws(CountBlockError) -> Result
    ) throws(RunFailure) -> Result {
        do throws(CountBlockError) { return try body() } catch {
            throw RunFailure(.inputOutput, "\(error)")
        }
    }

    /// Runs a step on the input.
    static func wrapping<Result>(
        _ body: () throws(AnnDataError) -> Result
    ) throws(RunFailure) -> Result {
        do throws(AnnDataError) { return try body() } catch { throw RunFailure(error) }
    }

    /// A failure while reading the input.
    init(_ error: AnnDataError) {
        self.init(error.isMissing ? .noInput : .badInput, "\(error)")
    }

    /// A failure while writing the result.
    init(_ error: AnnDataWriteError) {
        self.init(error.isCreation ? .cannotCreate : .inputOutput, "\(error)")
    }

    /// A failure while reading a result that somebody named.
    init(reading error: AnnDataWriteError) {
        switch error {
        case .cannotOpen, .notAResult, .unknownLayer: self.init(.badInput, "\(error)")
        default: self.init(.inputOutput, "\(error)")
        }
    }
}
