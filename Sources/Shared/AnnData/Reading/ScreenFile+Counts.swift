internal import HDF5

extension ScreenFile {
    /// Reads a matrix once from beginning to end and delivers its counts cell after cell.
    ///
    /// Memory stays within `resources` as far as a single cell and a single stored chunk allow.
    /// Cells come in file order whatever the storage; a matrix stored by gene goes through a scratch
    /// file when it does not fit. Failures are found in file order, so the error does not depend on
    /// the number of threads.
    ///
    /// - Parameters:
    ///   - choice: Which matrix.
    ///   - resources: Threads, memory and scratch directory.
    ///   - transform: Makes of some cells' counts what is kept; called on several threads at once.
    ///   - consume: Takes what `transform` made, in file order, on the calling thread.
    /// - Returns: What was read and mended.
    /// - Throws: ``AnnDataError`` naming element and position, or what the closures throw.
    package func streamCounts<Encoded: Sendable>(
        _ choice: MatrixChoice,
        resources: StreamResources,
        transform: @escaping @Sendable (borrowing CountRows) throws -> Encoded,
        consume: (Encoded) throws -> Void
    ) throws -> StreamReport {
        try stream(choice, of: UInt32.self, resources) { rows in
            try transform(CountRows(rows))
        } consume: { encoded in
            try consume(encoded)
        }
    }

    /// The pass over a matrix whose numbers are delivered as `Element`.
    func stream<Element: MatrixElement, Encoded: Sendable>(
        _ choice: MatrixChoice,
        of _: Element.Type,
        _ resources: StreamResources,
        transform: @escaping @Sendable (borrowing ValueRows<Element>) throws -> Encoded,
        consume: (Encoded) throws -> Void
    ) throws -> StreamReport {
        try stamp.check(path: path)
        do {
            let matrix = try matrix(choice)
            let report: StreamReport
            switch matrix.storage {
            case .sparse(_, _, _, true):
                report = try CellMajorStream<Element>(matrix, resources).run(transform, consume)
            case .sparse(_, _, _, false):
                report = try GeneMajorStream<Element>(matrix, resources).run(transform, consume)
            case .dense(let dataset):
                report = try DenseStream<Element>(matrix, dataset, resources).run(
                    transform,
                    consume
                )
            }
            try stamp.check(path: path)
            return report
        } catch let error as AnnDataError where !error.isOwnStorage {
            // A file that somebody writes to looks damaged; the change is then the reason.
            try stamp.check(path: path)
            throw error
        }
    }
}

/// What a piece of the pass became.
struct Delivery<Encoded: Sendable>: Sendable {
    let encoded: Encoded
    let report: StreamReport
}

/// Sizes that follow from the memory that a pass may use.
struct StreamPlan {
    /// Stored entries of a piece.
    let entriesPerPiece: Int
    /// Pieces that may exist at once.
    let inFlight: Int

    /// Plans for entries that take `bytesPerEntry` on their way.
    init(_ resources: StreamResources, bytesPerEntry: Int) {
        let perThread = resources.memoryBytes / (4 * bytesPerEntry)
        entriesPerPiece = min(262_144, max(4096, perThread))
        let affordable = resources.memoryBytes / (entriesPerPiece * bytesPerEntry)
        inFlight = min(max(2, affordable), 4 * resources.threads + 2)
    }
}

/// The pass over a matrix that is stored cell after cell.
struct CellMajorStream<Element: MatrixElement> {
    private let reader: SparseReader
    private let resources: StreamResources
    private let plan: StreamPlan

    init(_ matrix: Matrix, _ resources: StreamResources) throws(AnnDataError) {
        // Stored and decoded entry of at most 16 bytes each, its 8 bytes as count, its encoding.
        plan = StreamPlan(resources, bytesPerEntry: 48 + Element.extraBytes)
        self.resources = resources
        reader = try SparseReader(matrix, entriesPerPiece: plan.entriesPerPiece)
    }

    func run<Encoded: Sendable>(
        _ transform: @escaping @Sendable (borrowing ValueRows<Element>) throws -> Encoded,
        _ consume: (Encoded) throws -> Void
    ) throws -> StreamReport {
        var total = StreamReport()
        total.pointersUnwrapped = reader.layout.pointers.unwrapped
        let reader = reader
        let pipeline = OrderedPipeline<SparsePiece, Delivery<Encoded>>(
            pieceCount: reader.pieces.count,
            threads: resources.threads,
            inFlight: plan.inFlight,
            read: { try reader.read($0) },
            makeWorker: {
                let decoded = DecodedPiece<Element>()
                return { piece in
                    try decoded.decode(piece, reader.layout)
                    return try decoded.deliver(
                        piece.rows,
                        path: reader.layout.path,
                        element: reader.layout.dataElement,
                        transform
                    )
                }
            }
        )
        try pipeline.run { delivery in
            total.add(delivery.report)
            try consume(delivery.encoded)
        }
        return total
    }
}

extension MatrixElement {
    /// Bytes that an entry takes beyond those of a count, delivered and encoded.
    static var extraBytes: Int { 8 * (wordCount - 1) }
}
