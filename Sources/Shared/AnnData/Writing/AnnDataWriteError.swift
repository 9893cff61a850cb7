internal import Glibc
package import HDF5

/// What can go wrong while a result or a simulated screen is written, or a result is read back.
package enum AnnDataWriteError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file cannot come into being; `reason` is the operating system's or the library's.
    case cannotCreate(path: String, reason: String)
    /// A file that must not be replaced is there already.
    case alreadyExists(path: String)
    /// The file system has no room, or the account's share of it is used up.
    case diskFull(path: String, neededBytes: Int?, availableBytes: Int?, reason: String)
    /// Reading or writing failed; `reason` is the operating system's.
    case operationFailed(path: String, operation: String, reason: String)
    /// A name cannot stand where it should; `element` says where.
    case invalidName(element: String, name: String, problem: String)
    /// The parts of a layout contradict each other.
    case invalidLayout(problem: String)
    /// A result that was laid out earlier has another size now.
    case wrongSize(path: String, actualBytes: Int, expectedBytes: Int)
    /// The file cannot be opened for reading.
    case cannotOpen(path: String, reason: String)
    /// The file is readable, but it is no result of this program.
    case notAResult(path: String, problem: String)
    /// A result has no layer of this name.
    case unknownLayer(path: String, name: String, available: [String])
    /// The HDF5 library failed in a way that has no case of its own.
    case hdf5(HDF5Error)

    /// True when a file cannot come into being at its place, as opposed to failing later.
    package var isCreation: Bool {
        switch self {
        case .cannotCreate, .alreadyExists: true
        default: false
        }
    }

    package var description: String {
        switch self {
        case .cannotCreate(let path, let reason):
            "\(path): cannot be created: \(reason); choose another place for it"
        case .alreadyExists(let path):
            "\(path): a file is there already; remove it, choose another name or use --force"
        case .diskFull(let path, let needed, let available, let reason):
            "\(path): no room on the disk (\(reason))"
                + (needed.map { "; the file needs \($0) bytes" } ?? "")
                + (available.map { ", \($0) are free" } ?? "")
                + "; free space there or choose another place"
        case .operationFailed(let path, let operation, let reason):
            "\(path): \(operation) failed: \(reason); check the disk and run again"
        case .invalidName(let element, let name, let problem):
            "\(element): '\(name)' cannot be used as a name: \(problem); choose another"
        case .invalidLayout(let problem):
            "the file cannot be laid out: \(problem)"
        case .wrongSize(let path, let actual, let expected):
            "\(path): the unfinished result has \(actual) bytes instead of \(expected); "
                + "it was changed or cut, remove it and start again"
        case .cannotOpen(let path, let reason):
            "\(path): cannot be opened: \(reason)"
        case .notAResult(let path, let problem):
            "\(path): not a result: \(problem)"
        case .unknownLayer(let path, let name, let available):
            "\(path): the result has no layer '\(name)'; it has \(available.joined(separator: ", "))"
        case .hdf5(let error):
            error.description
        }
    }
}

extension AnnDataWriteError {
    /// The error of a system call that set `code`.
    static func system(_ path: String, _ operation: String, _ code: Int32) -> AnnDataWriteError {
        let reason = String(cString: strerror(code))
        if isFull(code) {
            return .diskFull(path: path, neededBytes: nil, availableBytes: nil, reason: reason)
        }
        return .operationFailed(path: path, operation: operation, reason: reason)
    }

    /// Whether an error code means that there is no room.
    static func isFull(_ code: Int32) -> Bool { [ENOSPC, EDQUOT, EFBIG].contains(code) }

    /// The error of the library while it wrote the file `path`.
    static func writing(_ path: String, _ error: HDF5Error) -> AnnDataWriteError {
        guard let message = error.libraryMessage,
            let code = errorNumber(in: message)
        else { return .hdf5(error) }
        return .system(path, "writing", code)
    }

    /// The operating system's error number that the library puts into its messages.
    static func errorNumber(in message: String) -> Int32? {
        guard let range = message.firstRange(of: "errno = ") else { return nil }
        return Int32(message[range.upperBound...].prefix { $0.isNumber })
    }

    /// Runs `work` and turns the library's errors into those of writing `path`.
    static func writing<Value>(
        _ path: String,
        _ work: () throws(HDF5Error) -> Value
    ) throws(AnnDataWriteError) -> Value {
        do throws(HDF5Error) {
            return try work()
        } catch {
            throw .writing(path, error)
        }
    }
}

extension HDF5Error {
    /// The operating system's reason where there is one, else the library's.
    var systemReason: String {
        guard let message = libraryMessage else { return description }
        guard let code = AnnDataWriteError.errorNumber(in: message) else { return message }
        return String(cString: strerror(code))
    }
}
