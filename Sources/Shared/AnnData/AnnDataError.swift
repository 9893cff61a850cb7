package import HDF5

/// Everything that can be wrong with a screen or a result in AnnData's format.
package enum AnnDataError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is no file at this path.
    case missingFile(path: String)
    /// The file is there but may not be read; `reason` is the operating system's.
    case cannotOpen(path: String, reason: String)
    /// The path leads to a directory.
    case directory(path: String, isZarr: Bool)
    /// The file has no bytes.
    case emptyFile(path: String)
    /// The file is no HDF5 file; `kind` says what its first bytes look like.
    case notHDF5(path: String, kind: String)
    /// The file ends before the place that it says it ends at.
    case truncatedFile(path: String, actualBytes: UInt64, expectedBytes: UInt64)
    /// Another program holds the file for writing.
    case fileInUse(path: String)
    /// The program that wrote the file ended without closing it.
    case fileNotClosed(path: String)
    /// The file has another format; `remedy` says how to convert it.
    case otherFormat(path: String, kind: String, remedy: String)
    /// The matrix asked for is not there; `available` lists those that are.
    case noMatrix(path: String, element: String, available: [String])
    /// The screen has no cells.
    case noCells(path: String)
    /// The screen, or the matrix asked for, has no genes.
    case noGenes(path: String, element: String)
    /// `obs` or `var` has no such column.
    case unknownColumn(
        path: String,
        table: String,
        name: String,
        nearest: [String],
        first: [String]
    )
    /// An element contradicts another or the format.
    case damaged(path: String, element: String, problem: String)
    /// An element is stored in a way that is not read.
    case unsupported(path: String, element: String, problem: String, remedy: String)
    /// An element is compressed with a filter that is not installed.
    case filterMissing(path: String, element: String, filter: String, id: Int)
    /// A matrix value is no count.
    case notACount(
        path: String,
        element: String,
        cell: Int,
        gene: Int,
        value: String,
        problem: CountProblem
    )
    /// A matrix value is NaN or infinite where expression is needed.
    case notFinite(path: String, element: String, cell: Int, gene: Int, value: String)
    /// A matrix of integers where log-normalised expression is needed.
    case integersNotExpression(path: String, element: String, type: String)
    /// The first cells' values look like counts where log-normalised expression is needed; cell,
    /// gene and value are those of the first positive one.
    case countsNotExpression(
        path: String,
        element: String,
        cell: Int,
        gene: Int,
        value: String,
        positiveCount: Int,
        cellCount: Int
    )
    /// A chunk of an element cannot be decoded; positions are those of its first and last element.
    case corruptChunk(path: String, element: String, first: [Int], reason: String)
    /// Size, time or identity of the file differ from those at the time it was opened.
    case inputChanged(path: String)
    /// The scratch directory failed; `reason` is the operating system's.
    case scratchFailed(directory: String, reason: String)
    /// The HDF5 library failed in a way that has no case of its own.
    case hdf5(HDF5Error)

    /// Why a value is no count.
    package enum CountProblem: Equatable, Sendable {
        /// Below zero.
        case negative
        /// NaN or infinite.
        case notFinite
        /// Further from an integer than rounding explains.
        case notInteger
        /// Above 4,294,967,295, perhaps only after duplicates were summed.
        case tooLarge
    }

    /// True when there is no readable input, as opposed to a bad one.
    package var isMissing: Bool {
        switch self {
        case .missingFile, .cannotOpen: true
        default: false
        }
    }

    /// True when a directory of ours failed, as opposed to the input.
    package var isOwnStorage: Bool {
        if case .scratchFailed = self { true } else { false }
    }
}

extension AnnDataError {
    package var description: String {
        switch self {
        case .missingFile(let path):
            "\(path): no such file"
        case .cannotOpen(let path, let reason):
            "\(path): cannot be read: \(reason)"
        case .directory(let path, true):
            "\(path): this is a zarr directory, which is not supported; "
                + "write it with adata.write_h5ad and give that file"
        case .directory(let path, false):
            "\(path): this is a directory; give the .h5ad file"
        case .emptyFile(let path):
            "\(path): the file is empty (0 bytes); copy or download it again"
        case .notHDF5(let path, let kind):
            "\(path): not an HDF5 file, it looks like \(kind); give an AnnData .h5ad file"
        case .truncatedFile(let path, let actual, let expected):
            "\(path): the file is cut short, \(actual) of \(expected) bytes; "
                + "copy or download it again"
        case .fileInUse(let path):
            "\(path): another program is writing the file; wait until it has finished"
        case .fileNotClosed(let path):
            "\(path): the program that wrote the file ended without closing it; "
                + "run h5clear -s on a copy, or write the file again"
        case .otherFormat(let path, let kind, let remedy):
            "\(path): this is \(kind), not an AnnData .h5ad file; \(remedy)"
        case .noMatrix(let path, let element, let available):
            AnnDataError.describeNoMatrix(path, element, available)
        case .noCells(let path):
            "\(path): the screen has no cells (obs is empty)"
        case .noGenes(let path, let element):
            "\(path): the screen has no genes (\(element) is empty)"
        case .unknownColumn(let path, let table, let name, let nearest, let first):
            AnnDataError.describeUnknownColumn(path, table, name, nearest, first)
        default:
            elementDescription
        }
    }

    private var elementDescription: String {
        switch self {
        case .damaged(let path, let element, let problem):
            "\(element) in \(path): \(problem); the file is damaged or was written wrongly, "
                + "write it again"
        case .unsupported(let path, let element, let problem, let remedy):
            "\(element) in \(path): \(problem); \(remedy)"
        case .filterMissing(let path, let element, let filter, let id):
            "\(element) in \(path) is compressed with \(filter) (filter \(id)), which is not "
                + "installed; set HDF5_PLUGIN_PATH to a directory that has it, or rewrite the "
                + "file with compression='gzip'"
        case .notACount(let path, let element, let cell, let gene, let value, let problem):
            "\(element) in \(path) is not counts: cell \(cell), gene \(gene) (both from 0) has "
                + "\(value), \(problem.words); choose raw counts with --layer or --use-raw"
        case .notFinite, .integersNotExpression, .countsNotExpression:
            expressionDescription
        case .corruptChunk(let path, let element, let first, let reason):
            "\(element) in \(path): the chunk that starts at element "
                + "\(first.map(String.init).joined(separator: ", ")) cannot be decoded "
                + "(\(reason)); the file is damaged, copy or download it again"
        case .inputChanged(let path):
            "\(path): the input changed while it was read; "
                + "wait until nobody writes to it and start again"
        case .scratchFailed(let directory, let reason):
            "\(directory): the scratch directory failed: \(reason); "
                + "free space there or name another with --scratch-dir"
        case .hdf5(let error) where error.libraryMessage?.contains("bad version number") == true:
            "\(error); it was written in a newer HDF5 format than this library reads, "
                + "write it again with libver='v110'"
        case .hdf5(let error):
            error.description
        default:
            ""
        }
    }

    private var expressionDescription: String {
        let remedy =
            "this test needs log-normalised expression: normalise and log-transform, or choose "
            + "another --layer; for counts use --method nb-glm"
        switch self {
        case .notFinite(let path, let element, let cell, let gene, let value):
            return "\(element) in \(path): cell \(cell), gene \(gene) (both from 0) has \(value), "
                + "which is not a finite number; write the matrix again without such values, or "
                + "choose another --layer"
        case .integersNotExpression(let path, let element, let type):
            return "\(element) in \(path) holds integers (\(type)); " + remedy
        case .countsNotExpression(
            let path,
            let element,
            let cell,
            let gene,
            let value,
            let positiveCount,
            let cellCount
        ):
            return "\(element) in \(path) looks like counts: all \(positiveCount) positive values "
                + "of the first \(cellCount) cells are integers, the first one \(value) in cell "
                + "\(cell), gene \(gene) (both from 0); " + remedy
        default:
            return ""
        }
    }

    private static func describeNoMatrix(
        _ path: String,
        _ element: String,
        _ available: [String]
    ) -> String {
        guard !available.isEmpty else {
            return "\(path): the file has no \(element) and no other matrix"
        }
        return "\(path): the file has no \(element); it has \(available.joined(separator: ", ")); "
            + "choose with --layer NAME or --use-raw"
    }

    private static func describeUnknownColumn(
        _ path: String,
        _ table: String,
        _ name: String,
        _ nearest: [String],
        _ first: [String]
    ) -> String {
        var text = "\(path): \(table) has no column '\(name)'"
        if !nearest.isEmpty { text += "; did you mean \(quoted(nearest))?" }
        if first.isEmpty {
            text += "; \(table) has no columns"
        } else {
            text += "; its first columns are \(quoted(first))"
        }
        return text
    }

    private static func quoted(_ names: [String]) -> String {
        names.map { "'\($0)'" }.joined(separator: ", ")
    }
}

extension AnnDataError.CountProblem {
    /// The end of a sentence about the value.
    package var words: String {
        switch self {
        case .negative: "which is negative"
        case .notFinite: "which is not a finite number"
        case .notInteger: "which is not an integer"
        case .tooLarge: "which is above the largest count 4294967295"
        }
    }
}
