internal import HDF5

/// Reads a one-dimensional dataset from beginning to end, as stored where that is possible.
///
/// `@unchecked` because only the reading thread of one pass uses it.
final class ElementReader: @unchecked Sendable {
    let dataset: HDF5Dataset
    let path: String
    /// Type of the elements that the pieces hold.
    let number: HDF5Number
    let count: Int
    private let chunks: (length: Int, filters: ChunkFilters)?
    private let pool: BufferPool
    private let empty: StoredElements?
    private var last: (index: Int, elements: StoredElements)?

    /// Makes a reader; `piece` is how many elements are usually asked for at once.
    init(_ dataset: HDF5Dataset, path: String, piece: Int) throws(AnnDataError) {
        self.dataset = dataset
        self.path = path
        let source = try ElementSource(dataset, path: path)
        number = source.number
        let bytes = number.byteCount
        count = try hdf5 { () throws(HDF5Error) in try dataset.elementCount() }
        if case .chunks(let shape, let filters) = source.access {
            chunks = (shape[0], filters)
            pool = BufferPool(standardByteCount: shape[0] * bytes + 1024)
            let fill = try hdf5 { () throws(HDF5Error) in
                try dataset.fillValue(as: source.number)
            }
            // Chunks that were never written are all alike; made when the first one turns up.
            empty = StoredElements(plain: pool.filled(with: fill, count: shape[0]))
        } else {
            chunks = nil
            pool = BufferPool(standardByteCount: piece * bytes)
            empty = nil
        }
    }

    /// The stored elements that `range` covers; called with ascending ranges.
    func pieces(_ range: Range<Int>) throws(AnnDataError) -> [ElementPiece] {
        guard !range.isEmpty else { return [] }
        guard let chunks else { return [try box(range)] }
        var pieces: [ElementPiece] = []
        var start = range.lowerBound
        while start < range.upperBound {
            let index = start / chunks.length
            let origin = index * chunks.length
            let end = min(range.upperBound, origin + chunks.length)
            pieces.append(
                ElementPiece(
                    elements: try chunk(index, chunks.length, chunks.filters),
                    first: start - origin,
                    count: end - start,
                    origin: [origin]
                )
            )
            start = end
        }
        return pieces
    }

    private func box(_ range: Range<Int>) throws(AnnDataError) -> ElementPiece {
        let buffer = pool.take(range.count * number.byteCount)
        try hdf5 { () throws(HDF5Error) in
            try dataset.read(
                into: buffer.bytes,
                as: number,
                start: [range.lowerBound],
                count: [range.count]
            )
        }
        return ElementPiece(
            elements: StoredElements(plain: buffer),
            first: 0,
            count: range.count,
            origin: [range.lowerBound]
        )
    }

    private func chunk(
        _ index: Int,
        _ length: Int,
        _ filters: ChunkFilters
    ) throws(AnnDataError) -> StoredElements {
        // A chunk that two ranges share is handed to both.
        if let last, last.index == index { return last.elements }
        let elements =
            try ChunkReader(dataset: dataset, path: path, pool: pool, filters: filters)
            .read(at: [index * length]) ?? empty
        guard let elements else { preconditionFailure("a chunked reader has an empty chunk") }
        last = (index, elements)
        return elements
    }
}

extension BufferPool {
    /// A buffer of `count` elements that all have the bytes `value`.
    func filled(with value: [UInt8], count: Int) -> PooledBuffer {
        let buffer = take(value.count * count)
        for position in 0..<(value.count * count) {
            buffer.bytes[position] = value[position % value.count]
        }
        return buffer
    }
}

/// Reads chunks as they lie in the file.
struct ChunkReader {
    let dataset: HDF5Dataset
    let path: String
    let pool: BufferPool
    let filters: ChunkFilters

    /// The chunk that begins at `origin`; nil when it was never written.
    func read(at origin: [Int]) throws(AnnDataError) -> StoredElements? {
        do throws(HDF5Error) {
            let byteCount = try dataset.chunkByteCount(at: origin)
            guard byteCount > 0 else { return nil }
            let buffer = pool.take(byteCount)
            let mask = try dataset.readChunk(at: origin, into: buffer.bytes)
            return StoredElements(
                chunk: buffer,
                byteCount: byteCount,
                mask: mask,
                filters: filters
            )
        } catch {
            throw .corruptChunk(
                path: path,
                element: dataset.path,
                first: origin,
                reason: error.libraryMessage ?? error.description
            )
        }
    }
}

/// Decides how the elements of a dataset are fetched.
struct ElementSource {
    /// The ways.
    enum Access {
        /// Chunk by chunk as stored, decoded by us.
        case chunks([Int], ChunkFilters)
        /// By the library.
        case library
    }

    let access: Access
    /// Type of the elements in memory.
    let number: HDF5Number

    init(_ dataset: HDF5Dataset, path: String) throws(AnnDataError) {
        guard let number = dataset.type.number else {
            throw .unsupported(
                path: path,
                element: dataset.path,
                problem: "it has type \(dataset.type), need a number",
                remedy: "convert the matrix to float32 and write the file again"
            )
        }
        self.number = number
        let (layout, filters) = try hdf5 { () throws(HDF5Error) in
            (try dataset.layout(), try dataset.filters())
        }
        let isNative =
            switch dataset.type {
            case .number(_, let isNative): isNative
            case .boolean: true
            default: false
            }
        if isNative, case .chunked(let shape) = layout,
            let decoder = ChunkFilters(
                filters,
                elementBytes: number.byteCount,
                byteCount: shape.reduce(1, *) * number.byteCount
            )
        {
            access = .chunks(shape, decoder)
            return
        }
        try FilterNames.check(dataset, path: path)
        access = .library
    }
}

/// Names of registered filters, for people.
enum FilterNames {
    private static let known: [Int: String] = [
        1: "gzip", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scale-offset",
        307: "bzip2", 32_000: "lzf", 32_001: "blosc", 32_004: "lz4", 32_008: "bitshuffle",
        32_013: "zfp", 32_015: "zstd", 32_026: "blosc2",
    ]

    /// Throws when the library cannot undo a filter of `dataset`.
    static func check(_ dataset: HDF5Dataset, path: String) throws(AnnDataError) {
        let filters = try hdf5 { () throws(HDF5Error) in try dataset.filters() }
        for filter in filters where !HDF5File.hasFilter(filter.id) {
            throw .filterMissing(
                path: path,
                element: dataset.path,
                filter: name(filter),
                id: filter.id
            )
        }
    }

    /// The usual name, else the one that the writer stored, else the number.
    static func name(_ filter: HDF5Dataset.Filter) -> String {
        if let name = known[filter.id] { return name }
        return filter.name.isEmpty ? "filter \(filter.id)" : filter.name
    }
}
