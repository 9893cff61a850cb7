internal import HDF5

/// An AnnData file that holds a screen: cells x genes, open for reading.
///
/// May be used from any thread. Every number of a cell or gene counts from 0 in file order.
package final class ScreenFile: Sendable {
    /// The path as it was given.
    package let path: String
    /// Number of cells, at least 1.
    package let cellCount: Int
    /// Number of genes of `var`, at least 1; the raw matrix may have another number.
    package let geneCount: Int
    /// Size of the file in bytes when it was opened.
    package let byteCount: Int
    /// Remarks for the user, one sentence each.
    package let warnings: [String]

    let file: HDF5File
    let root: HDF5Group
    let stamp: FileStamp
    let cellTable: Table
    let geneTable: Table

    private init(
        path: String,
        file: HDF5File,
        root: HDF5Group,
        stamp: FileStamp,
        warnings: [String]
    ) throws(AnnDataError) {
        self.path = path
        self.file = file
        self.root = root
        self.stamp = stamp
        self.warnings = warnings
        byteCount = stamp.byteCount
        cellTable = try Table(path: path, root: root, element: "obs")
        geneTable = try Table(path: path, root: root, element: "var")
        cellCount = cellTable.rowCount
        geneCount = geneTable.rowCount
    }

    /// Opens a screen and checks that it is one.
    ///
    /// - Parameter path: Path of a `.h5ad` file.
    /// - Returns: The open screen.
    /// - Throws: ``AnnDataError``, saying which kind of wrong file it is and what to do.
    package static func open(_ path: String) throws(AnnDataError) -> ScreenFile {
        let stamp = try FileStamp(path: path)
        try FileSignature.check(path: path, stamp: stamp)
        var warnings: [String] = []
        let file = try openFile(path, stamp, &warnings)
        let root: HDF5Group
        do {
            root = try file.root
        } catch {
            throw .hdf5(error)
        }
        try FormatCheck(path: path, root: root).run()
        let screen = try ScreenFile(
            path: path,
            file: file,
            root: root,
            stamp: stamp,
            warnings: warnings
        )
        guard screen.cellCount > 0 else { throw .noCells(path: path) }
        guard screen.geneCount > 0 else { throw .noGenes(path: path, element: "var") }
        guard !screen.availableMatrices().isEmpty else {
            throw .noMatrix(path: path, element: "X", available: [])
        }
        return screen
    }

    private static func openFile(
        _ path: String,
        _ stamp: FileStamp,
        _ warnings: inout [String]
    ) throws(AnnDataError) -> HDF5File {
        do {
            return try HDF5File(opening: path)
        } catch {
            let failure = OpenFailure(error.libraryMessage ?? "", path: path, stamp: stamp)
            guard failure == .cannotLock else { throw failure.error(path, error) }
        }
        do {
            let file = try HDF5File(opening: path, access: .readWithoutLock)
            warnings.append("\(path): its file system has no locks, so it was opened without one")
            return file
        } catch {
            throw OpenFailure(error.libraryMessage ?? "", path: path, stamp: stamp)
                .error(path, error)
        }
    }
}

/// Why the library could not open a file that has its signature.
private enum OpenFailure: Equatable {
    case locked
    case cannotLock
    case notClosed
    case truncated(actual: UInt64, expected: UInt64)
    case other

    init(_ message: String, path: String, stamp: FileStamp) {
        if message.contains("truncated file") {
            let expected = OpenFailure.number(after: "stored_eof = ", in: message)
            self = .truncated(actual: UInt64(stamp.byteCount), expected: expected ?? 0)
        } else if message.contains("unable to lock file") {
            // Errors other than "try again" mean that the file system cannot lock at all.
            let code = OpenFailure.number(after: "errno = ", in: message)
            self = code == 11 || code == nil ? .locked : .cannotLock
        } else if message.contains("already open for write")
            || message.contains("consistency flags")
        {
            self = .notClosed
        } else {
            self = .other
        }
    }

    private static func number(after label: String, in message: String) -> UInt64? {
        // `eof` of the label must not be found inside another word.
        guard let range = message.firstRange(of: label) else { return nil }
        return UInt64(message[range.upperBound...].prefix { $0.isNumber })
    }

    func error(_ path: String, _ error: HDF5Error) -> AnnDataError {
        switch self {
        case .locked, .cannotLock: .fileInUse(path: path)
        case .notClosed: .fileNotClosed(path: path)
        case .truncated(let actual, let expected):
            .truncatedFile(path: path, actualBytes: actual, expectedBytes: expected)
        case .other:
            .damaged(
                path: path,
                element: "the file",
                problem: error.libraryMessage ?? error.description
            )
        }
    }
}
