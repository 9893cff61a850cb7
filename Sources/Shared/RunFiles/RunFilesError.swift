internal import Glibc

/// What can be wrong with the files that the processes of a run share.
package enum RunFilesError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is no such file, or no such part of one.
    case missing(path: String, what: String)
    /// The content is not what was written.
    case damaged(path: String, problem: String)
    /// The content belongs to another run.
    case otherRun(path: String)
    /// The operating system refused; `code` is its error number.
    case system(path: String, action: String, code: Int32)

    /// What failed, on what, why, and what to do.
    package var description: String {
        switch self {
        case .missing(let path, let what): "\(path): \(what)"
        case .damaged(let path, let problem): "\(path) is damaged: \(problem)"
        case .otherRun(let path): "\(path) belongs to another run"
        case .system(let path, let action, let code):
            "cannot \(action) \(path): \(String(cString: strerror(code)))"
                + ([ENOSPC, EDQUOT, EFBIG].contains(code)
                    ? "; free space there, then run again" : "")
        }
    }
}
