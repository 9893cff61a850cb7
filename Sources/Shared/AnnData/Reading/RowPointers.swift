internal import HDF5

/// Where the entries of each cell, or of each gene, begin in a sparse matrix.
package struct RowPointers: Equatable, Sendable {
    /// Ascending, from 0 to the number of entries.
    package let starts: [Int]
    /// Whether 32-bit pointers had overflowed and were mended.
    package let unwrapped: Bool

    /// What is wrong with row pointers.
    package enum Problem: Error, Equatable {
        /// The first pointer is not 0 but this.
        case firstNotZero(Int)
        /// The pointer after this row's is smaller.
        case decreasing(row: Int)
        /// 32-bit pointers overflowed at this row and do not add up.
        case overflowed(row: Int)
        /// The last pointer is not the number of stored entries.
        case wrongEnd(found: Int, stored: Int)

        var text: String {
            switch self {
            case .firstNotZero(let first):
                "it begins with \(first), need 0"
            case .decreasing(let row):
                "it decreases after row \(row)"
            case .overflowed(let row):
                "it overflowed 32 bits at row \(row) and cannot be mended"
            case .wrongEnd(let found, let stored):
                "it ends with \(found), but \(stored) entries are stored"
            }
        }
    }

    /// Checks pointers and mends those that overflowed.
    ///
    /// - Parameters:
    ///   - stored: The pointers as stored.
    ///   - is32Bit: Whether they are stored with 32 bits; then, if adding 2^32 at each descent
    ///     makes them end exactly at the number of entries, they are taken as overflowed.
    ///   - entryCount: Entries that the matrix stores.
    /// - Throws: The first ``Problem``.
    package init(checking stored: [Int], is32Bit: Bool, entryCount: Int) throws(Problem) {
        guard let first = stored.first, first == 0 else {
            throw .firstNotZero(stored.first ?? 0)
        }
        let descent = stored.indices.dropLast().first { stored[$0 + 1] < stored[$0] }
        guard let descent else {
            guard stored.last == entryCount else {
                throw .wrongEnd(found: stored.last ?? 0, stored: entryCount)
            }
            starts = stored
            unwrapped = false
            return
        }
        guard is32Bit, entryCount > Int(Int32.max) else { throw .decreasing(row: descent) }
        var carry = 0
        var previous = 0
        var mended: [Int] = []
        mended.reserveCapacity(stored.count)
        for value in stored {
            let low = value & 0xFFFF_FFFF
            if low < previous { carry += 1 << 32 }
            previous = low
            mended.append(low + carry)
        }
        guard mended.last == entryCount else { throw .overflowed(row: descent) }
        starts = mended
        unwrapped = true
    }

    /// Reads and checks the pointers of a matrix.
    static func read(
        _ dataset: HDF5Dataset,
        data: HDF5Dataset,
        indices: HDF5Dataset,
        path: String
    ) throws(AnnDataError) -> RowPointers {
        try FilterNames.check(dataset, path: path)
        let (stored, dataCount, indexCount) = try hdf5 { () throws(HDF5Error) in
            (
                try dataset.readAll(Int.self),
                try data.elementCount(),
                try indices.elementCount()
            )
        }
        guard dataCount == indexCount else {
            throw .damaged(
                path: path,
                element: indices.path,
                problem: "it has \(indexCount) entries, \(data.path) has \(dataCount)"
            )
        }
        do throws(Problem) {
            return try RowPointers(
                checking: stored,
                is32Bit: dataset.type.number?.byteCount == 4,
                entryCount: dataCount
            )
        } catch {
            throw .damaged(path: path, element: dataset.path, problem: error.text)
        }
    }

    /// Divides the rows into pieces of whole rows with about `entries` entries each.
    ///
    /// A piece has at least one row and at most `rows`.
    func pieces(entries: Int, rows: Int) -> [Range<Int>] {
        var pieces: [Range<Int>] = []
        let rowCount = starts.count - 1
        var first = 0
        while first < rowCount {
            var end = first + 1
            while end < rowCount, end - first < rows, starts[end + 1] - starts[first] <= entries {
                end += 1
            }
            pieces.append(first..<end)
            first = end
        }
        return pieces
    }
}
