extension MatrixElement {
    /// Numbers that one entry of a bucket takes: the cell within the bucket, the gene, the value.
    static var bucketWords: Int { 2 + wordCount }
}

/// Entries of a matrix stored by gene, sorted into ranges of consecutive cells.
///
/// Within a bucket entries stay in the order in which they came, gene after gene. Buckets are kept
/// in memory up to a limit and go to a scratch file beyond it.
final class CellBuckets {
    /// The division of cells into buckets.
    struct Division: Equatable, Sendable {
        /// A bucket has 2^shift cells.
        let shift: Int
        let cellCount: Int

        /// Buckets with about `entries` entries each, but at most 4,096 of them.
        init(cellCount: Int, entryCount: Int, entries: Int) {
            self.cellCount = cellCount
            let perCell = max(1, entryCount / max(1, cellCount))
            var shift = 0
            while (2 << shift) * perCell <= entries { shift += 1 }
            while cellCount >> shift >= 4096 { shift += 1 }
            self.shift = shift
        }

        var count: Int { ((cellCount - 1) >> shift) + 1 }

        func cells(_ bucket: Int) -> Range<Int> {
            (bucket << shift)..<min(cellCount, (bucket + 1) << shift)
        }
    }

    /// Entries of some genes, sorted by bucket.
    struct Part: Sendable {
        let numbers: PooledBuffer
        /// First entry of each bucket, and the number of entries at the end.
        let starts: [Int]
        let zerosDropped: Int
    }

    /// A finished bucket's pieces in the scratch file, in order, and what stayed in memory.
    struct Bucket: Sendable {
        var extents: [(offset: Int, entries: Int)] = []
        var numbers: [UInt32] = []

        func entryCount(_ wordsPerEntry: Int) -> Int {
            extents.reduce(numbers.count / wordsPerEntry) { $0 + $1.entries }
        }
    }

    let division: Division
    /// Numbers of one entry.
    let wordsPerEntry: Int
    private(set) var buckets: [Bucket]
    private(set) var scratch: ScratchFile?
    private let limitBytes: Int
    private let directory: String
    private var heldBytes = 0
    private var scratchBytes = 0

    init(_ division: Division, wordsPerEntry: Int, limitBytes: Int, directory: String) {
        self.division = division
        self.wordsPerEntry = wordsPerEntry
        self.limitBytes = limitBytes
        self.directory = directory
        buckets = Array(repeating: Bucket(), count: division.count)
    }

    /// Adds entries of the genes that follow those added so far.
    func add(_ part: Part) throws(AnnDataError) {
        let numbers = part.numbers.bytes.bindMemory(to: UInt32.self)
        for bucket in buckets.indices {
            let begin = part.starts[bucket] * wordsPerEntry
            let end = part.starts[bucket + 1] * wordsPerEntry
            guard end > begin else { continue }
            buckets[bucket].numbers.append(contentsOf: numbers[begin..<end])
        }
        heldBytes += (part.starts.last ?? 0) * wordsPerEntry * 4
        if heldBytes > limitBytes { try spill() }
    }

    private func openScratch() throws(AnnDataError) -> ScratchFile {
        if let scratch { return scratch }
        let opened = try ScratchFile(directory: directory)
        scratch = opened
        return opened
    }

    private func spill() throws(AnnDataError) {
        let scratch = try openScratch()
        for bucket in buckets.indices where !buckets[bucket].numbers.isEmpty {
            let outcome = buckets[bucket].numbers.withUnsafeBytes { bytes in
                Result { () throws(AnnDataError) -> Int in
                    try scratch.write(bytes, at: scratchBytes)
                    return bytes.count
                }
            }
            let written = try outcome.get()
            let entries = written / (wordsPerEntry * 4)
            buckets[bucket].extents.append((scratchBytes, entries))
            buckets[bucket].numbers = []
            scratchBytes += written
        }
        heldBytes = 0
    }

    /// All entries of a bucket in one array.
    static func numbers(
        _ bucket: Bucket,
        _ wordsPerEntry: Int,
        _ scratch: ScratchFile?
    ) throws(AnnDataError) -> [UInt32] {
        guard let scratch, !bucket.extents.isEmpty else { return bucket.numbers }
        let total = bucket.entryCount(wordsPerEntry) * wordsPerEntry
        let buffer = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: max(1, total))
        defer { buffer.deallocate() }
        var done = 0
        for extent in bucket.extents {
            let count = extent.entries * wordsPerEntry
            let part = UnsafeMutableBufferPointer(rebasing: buffer[done..<(done + count)])
            try scratch.read(UnsafeMutableRawBufferPointer(part), at: extent.offset)
            done += count
        }
        return Array(buffer[..<done]) + bucket.numbers
    }
}

extension DecodedPiece {
    /// Sorts decoded genes' entries by bucket and leaves zeros out.
    @specialized(where Element == UInt32)
    @specialized(where Element == Float)
    @specialized(where Element == Double)
    func partition(
        _ piece: SparsePiece,
        _ division: CellBuckets.Division,
        _ pool: BufferPool
    ) -> CellBuckets.Part {
        let entries = starts[piece.rows.count]
        var sizes = [Int](repeating: 0, count: division.count + 1)
        for entry in 0..<entries where values[entry] != 0 {
            sizes[Int(inner[entry]) >> division.shift + 1] += 1
        }
        for bucket in 0..<division.count { sizes[bucket + 1] += sizes[bucket] }
        let kept = sizes[division.count]
        let buffer = pool.take(max(1, kept * Element.bucketWords * 4))
        let parts = CellBuckets.Part(numbers: buffer, starts: sizes, zerosDropped: entries - kept)
        guard let target = buffer.bytes.bindMemory(to: UInt32.self).baseAddress else {
            return parts
        }
        var next = sizes
        let local = UInt32(truncatingIfNeeded: 1 << division.shift - 1)
        for row in 0..<piece.rows.count {
            let gene = UInt32(truncatingIfNeeded: piece.rows.lowerBound + row)
            for entry in starts[row]..<starts[row + 1] where values[entry] != 0 {
                let bucket = Int(inner[entry]) >> division.shift
                let place = target + next[bucket] * Element.bucketWords
                next[bucket] += 1
                place[0] = inner[entry] & local
                place[1] = gene
                values[entry].write(to: place + 2)
            }
        }
        return parts
    }

    /// Puts a bucket's entries in order of cells, keeping the genes' order within a cell.
    @specialized(where Element == UInt32)
    @specialized(where Element == Float)
    @specialized(where Element == Double)
    func gather(_ numbers: [UInt32], cells: Int) {
        let entries = numbers.count / Element.bucketWords
        reserve(rows: cells, entries: entries)
        for cell in 0...cells { starts[cell] = 0 }
        numbers.withUnsafeBufferPointer { numbers in
            guard let base = numbers.baseAddress else { return }
            for entry in 0..<entries { starts[Int(base[entry * Element.bucketWords]) + 1] += 1 }
            for cell in 0..<cells { starts[cell + 1] += starts[cell] }
            // Moves each cell's start to its end while filling; all are moved back below.
            for entry in 0..<entries {
                let source = base + entry * Element.bucketWords
                let cell = Int(source[0])
                let place = starts[cell]
                starts[cell] = place + 1
                inner[place] = source[1]
                values[place] = Element(words: source + 2)
            }
        }
        for cell in stride(from: cells, to: 0, by: -1) { starts[cell] = starts[cell - 1] }
        starts[0] = 0
    }
}
