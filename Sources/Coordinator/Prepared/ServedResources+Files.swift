import NIOCore
import RunFiles

extension ServedResources {
    /// Writes every resource for processes that see the run directory.
    ///
    /// - Parameter writer: Where they go.
    /// - Throws: ``RunFailure`` when a block cannot be read back or the directory not be written.
    func write(to writer: ResourceFileWriter) throws(RunFailure) {
        try RunFailure.wrappingFiles {
            for (name, digest) in everything {
                guard let source = source(of: name) else {
                    preconditionFailure("\(name) is announced and not served")
                }
                try writer.add(name, byteCount: source.byteCount, digest: digest) {
                    Array(try source.read($0).readableBytesView)
                }
            }
        }
    }
}

extension RunFailure {
    /// Runs a step on the files that the processes of a run share.
    static func wrappingFiles<Result>(
        _ body: () throws -> Result
    ) throws(RunFailure) -> Result {
        do {
            return try body()
        } catch let failure as RunFailure {
            throw failure
        } catch let error as RunFilesError {
            throw RunFailure(error)
        } catch {
            throw RunFailure(.inputOutput, "\(error)")
        }
    }

    /// A failure of the files that the processes of a run share.
    init(_ error: RunFilesError) {
        switch error {
        case .missing: self.init(.noInput, "\(error)")
        case .damaged, .otherRun:
            self.init(.badInput, "\(error); prepare the run again with --force")
        case .system: self.init(.inputOutput, "\(error)")
        }
    }
}
