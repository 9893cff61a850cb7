/// The pass over a matrix that is stored gene after gene.
///
/// Reads it once from beginning to end and sorts the entries into buckets of cells; then delivers
/// bucket after bucket. Cost: one write and one read of 12 or 16 bytes per entry when it does not fit.
struct GeneMajorStream<Element: MatrixElement> {
    private let matrix: Matrix
    private let resources: StreamResources
    private let plan: StreamPlan
    private let reader: SparseReader
    private let division: CellBuckets.Division

    init(_ matrix: Matrix, _ resources: StreamResources) throws(AnnDataError) {
        self.matrix = matrix
        self.resources = resources
        // The other half of the memory holds buckets.
        var half = resources
        half.memoryBytes = resources.memoryBytes / 2
        plan = StreamPlan(half, bytesPerEntry: 56 + Element.extraBytes)
        reader = try SparseReader(matrix, entriesPerPiece: plan.entriesPerPiece)
        division = CellBuckets.Division(
            cellCount: matrix.cellCount,
            entryCount: reader.layout.pointers.starts.last ?? 0,
            entries: plan.entriesPerPiece
        )
    }

    func run<Encoded: Sendable>(
        _ transform: @escaping @Sendable (borrowing ValueRows<Element>) throws -> Encoded,
        _ consume: (Encoded) throws -> Void
    ) throws -> StreamReport {
        var total = StreamReport()
        total.pointersUnwrapped = reader.layout.pointers.unwrapped
        // An array that grows takes up to twice what it holds.
        let buckets = CellBuckets(
            division,
            wordsPerEntry: Element.bucketWords,
            limitBytes: resources.memoryBytes / 4,
            directory: resources.scratchDirectory
        )
        try fill(buckets, &total)
        try deliver(buckets, transform) { delivery in
            total.add(delivery.report)
            try consume(delivery.encoded)
        }
        return total
    }

    private func fill(_ buckets: CellBuckets, _ total: inout StreamReport) throws {
        let reader = reader
        let division = division
        let pool = BufferPool(standardByteCount: plan.entriesPerPiece * 4 * Element.bucketWords)
        let pipeline = OrderedPipeline<SparsePiece, CellBuckets.Part>(
            pieceCount: reader.pieces.count,
            threads: resources.threads,
            inFlight: plan.inFlight,
            read: { try reader.read($0) },
            makeWorker: {
                let decoded = DecodedPiece<Element>()
                return { piece in
                    try decoded.decode(piece, reader.layout)
                    return decoded.partition(piece, division, pool)
                }
            }
        )
        try pipeline.run { part in
            total.explicitZerosDropped += part.zerosDropped
            try buckets.add(part)
        }
    }

    private func deliver<Encoded: Sendable>(
        _ filled: CellBuckets,
        _ transform: @escaping @Sendable (borrowing ValueRows<Element>) throws -> Encoded,
        _ consume: (Delivery<Encoded>) throws -> Void
    ) throws {
        let buckets = filled.buckets
        let scratch = filled.scratch
        let wordsPerEntry = filled.wordsPerEntry
        let division = division
        let matrix = matrix
        let element = reader.layout.dataElement
        let largest = buckets.reduce(1) { max($0, $1.entryCount(filled.wordsPerEntry)) }
        let affordable = resources.memoryBytes / (2 * (40 + 2 * Element.extraBytes) * largest)
        let pipeline = OrderedPipeline<(Int, [UInt32]), Delivery<Encoded>>(
            pieceCount: buckets.count,
            threads: resources.threads,
            inFlight: min(plan.inFlight, max(2, affordable)),
            read: { ($0, try CellBuckets.numbers(buckets[$0], wordsPerEntry, scratch)) },
            makeWorker: {
                let decoded = DecodedPiece<Element>()
                return { piece in
                    let (bucket, numbers) = piece
                    let cells = division.cells(bucket)
                    decoded.gather(numbers, cells: cells.count)
                    return try decoded.deliver(
                        cells,
                        path: matrix.path,
                        element: element,
                        transform
                    )
                }
            }
        )
        try pipeline.run(consume)
    }
}
