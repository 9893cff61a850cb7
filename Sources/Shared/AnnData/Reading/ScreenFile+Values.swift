internal import HDF5

extension ScreenFile {
    /// The precision in which the values of a matrix are delivered.
    ///
    /// - Throws: ``AnnDataError`` when there is no such matrix, or it holds integers.
    package func valueType(_ choice: MatrixChoice) throws(AnnDataError) -> ValueType {
        let matrix = try matrix(choice)
        let dataset =
            switch matrix.storage {
            case .sparse(let data, _, _, _): data
            case .dense(let dataset): dataset
            }
        if case .number(let number, _) = dataset.type {
            switch number {
            case .float16, .float32: return .float32
            case .float64: return .float64
            default: break
            }
        }
        throw .integersNotExpression(
            path: path,
            element: matrix.element,
            type: dataset.type.number.map { dataset.type == .boolean ? "bool" : "\($0)" } ?? ""
        )
    }

    /// Reads a matrix of log-normalised expression once from beginning to end and delivers its
    /// values cell after cell.
    ///
    /// What ``streamCounts(_:resources:transform:consume:)`` promises holds here too. Values are
    /// delivered as they are stored, bit by bit; those of one cell and gene that are stored more
    /// than once are summed in `Value`, in the order in which they are stored.
    ///
    /// The first 100 cells are looked at before anything beyond them is consumed: a matrix of
    /// floating-point counts is refused.
    ///
    /// - Parameters:
    ///   - choice: Which matrix.
    ///   - type: The type that ``valueType(_:)`` says.
    ///   - resources: Threads, memory and scratch directory.
    ///   - transform: Makes of some cells' values what is kept; called on several threads at once.
    ///   - consume: Takes what `transform` made, in file order, on the calling thread.
    /// - Returns: What was read and mended.
    /// - Throws: ``AnnDataError`` naming element and position, or what the closures throw.
    package func streamValues<Value: StreamedValue, Encoded: Sendable>(
        _ choice: MatrixChoice,
        of type: Value.Type,
        resources: StreamResources,
        transform: @escaping @Sendable (borrowing ValueRows<Value>) throws -> Encoded,
        consume: (Encoded) throws -> Void
    ) throws -> StreamReport {
        let stored = try valueType(choice)
        precondition(stored == Value.valueType, "the matrix is delivered as \(stored)")
        let lookedAt = min(CountLikeness.cellCount, cellCount)
        var likeness = CountLikeness()
        return try stream(choice, of: type, resources) { rows in
            (encoded: try transform(rows), likeness: CountLikeness(rows))
        } consume: { delivery in
            let wasDecided = likeness.seenCells == lookedAt
            likeness.add(delivery.likeness)
            if !wasDecided, likeness.seenCells == lookedAt, let finding = likeness.finding {
                throw AnnDataError.countsNotExpression(
                    path: path,
                    element: try matrix(choice).element,
                    cell: finding.example.cell,
                    gene: finding.example.gene,
                    value: finding.example.value,
                    positiveCount: finding.positiveCount,
                    cellCount: lookedAt
                )
            }
            try consume(delivery.encoded)
        }
    }
}
