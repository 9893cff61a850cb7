internal import HDF5

/// The pass over a matrix that stores every value, cell after cell.
struct DenseStream<Element: MatrixElement> {
    private let matrix: Matrix
    private let resources: StreamResources
    private let reader: DenseReader
    private let plan: StreamPlan

    init(
        _ matrix: Matrix,
        _ dataset: HDF5Dataset,
        _ resources: StreamResources
    ) throws(AnnDataError) {
        self.matrix = matrix
        self.resources = resources
        plan = StreamPlan(resources, bytesPerEntry: 32 + Element.extraBytes)
        reader = try DenseReader(
            matrix,
            dataset,
            // A quarter of the values is usually not zero.
            valuesPerPiece: 4 * plan.entriesPerPiece,
            memoryBytes: resources.memoryBytes
        )
    }

    func run<Encoded: Sendable>(
        _ transform: @escaping @Sendable (borrowing ValueRows<Element>) throws -> Encoded,
        _ consume: (Encoded) throws -> Void
    ) throws -> StreamReport {
        var total = StreamReport()
        let reader = reader
        let matrix = matrix
        let rowBytes = matrix.geneCount * (2 * reader.number.byteCount + 8 + Element.extraBytes)
        let affordable = resources.memoryBytes / max(1, reader.rowsPerPiece * rowBytes)
        let pipeline = OrderedPipeline<DensePiece, Delivery<Encoded>>(
            pieceCount: reader.pieceCount,
            threads: resources.threads,
            inFlight: min(plan.inFlight, max(2, affordable)),
            read: { try reader.read($0) },
            makeWorker: {
                let decoded = DecodedPiece<Element>()
                return { piece in
                    try decoded.decode(piece, reader)
                    return try decoded.deliver(
                        piece.rows,
                        path: matrix.path,
                        element: matrix.element,
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

extension DecodedPiece {
    /// Converts a band of a dense matrix, keeping what is not zero.
    @specialized(where Element == UInt32)
    @specialized(where Element == Float)
    @specialized(where Element == Double)
    func decode(_ piece: DensePiece, _ reader: DenseReader) throws(AnnDataError) {
        // One row more than the entries can need is where a row is converted before it is packed.
        let genes = reader.geneCount
        reserve(rows: piece.rows.count, entries: (piece.rows.count + 1) * genes)
        guard let inner = inner.baseAddress, let values = values.baseAddress else { return }
        let row = values + piece.rows.count * genes
        var written = 0
        var nextBlock = 0
        starts[0] = 0
        var open: [(block: DenseBlock, base: UnsafeRawPointer)] = []
        for (offset, cell) in piece.rows.enumerated() {
            if nextBlock < piece.blocks.count, piece.blocks[nextBlock].row == cell {
                open.removeAll(keepingCapacity: true)
                while nextBlock < piece.blocks.count, piece.blocks[nextBlock].row == cell {
                    let block = piece.blocks[nextBlock]
                    open.append((block, try start(block, reader)))
                    nextBlock += 1
                }
            }
            for (block, base) in open {
                let size = reader.number.byteCount
                let source = base + (cell - block.row) * block.width * size
                let good = Element.convert(
                    source,
                    reader.number,
                    block.genes,
                    row + block.gene
                )
                guard good == block.genes else {
                    let place = MatrixPlace(
                        path: reader.path,
                        element: reader.element,
                        cell: cell,
                        gene: block.gene + good
                    )
                    throw Element.refusal(place, source + good * size, reader.number)
                }
            }
            written = pack(row, genes, inner, values, written)
            starts[offset + 1] = written
        }
    }

    private func start(
        _ block: DenseBlock,
        _ reader: DenseReader
    ) throws(AnnDataError) -> UnsafeRawPointer {
        let piece = ElementPiece(
            elements: block.elements,
            first: 0,
            count: block.genes,
            origin: [block.row, block.gene]
        )
        return try piece.start(reader.path, reader.element, reader.number)
    }

    private func pack(
        _ row: UnsafeMutablePointer<Element>,
        _ geneCount: Int,
        _ genes: UnsafeMutablePointer<UInt32>,
        _ values: UnsafeMutablePointer<Element>,
        _ start: Int
    ) -> Int {
        var written = start
        var gene = 0
        while gene < geneCount {
            let end = min(geneCount, gene + 8)
            if end - gene == 8 {
                // Without branches, so that the eight are compared at once.
                var nonzeros: UInt32 = 0
                for place in gene..<end { nonzeros |= row[place] == 0 ? 0 : 1 }
                if nonzeros == 0 {
                    gene = end
                    continue
                }
            }
            while gene < end {
                let value = row[gene]
                // Never reaches the row being packed: at most one entry per value before it.
                genes[written] = UInt32(truncatingIfNeeded: gene)
                values[written] = value
                written &+= value == 0 ? 0 : 1
                gene += 1
            }
        }
        return written
    }
}
