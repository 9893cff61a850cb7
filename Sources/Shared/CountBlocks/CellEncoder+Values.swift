extension CellEncoder {
    /// Encodes consecutive cells of a file with expression values.
    ///
    /// - Parameters:
    ///   - firstRow: File row of the first cell.
    ///   - starts: Where each cell's nonzeros begin in `genes` and `values`, and the end of the
    ///     last; shape `[cellCount + 1]`, not descending.
    ///   - genes: Positions of genes, strictly ascending within a cell, below `geneCount`.
    ///   - values: Values, finite and not zero; same length as `genes`.
    /// - Returns: The payloads of all cells and where each begins.
    ///
    /// Cost: about twice that of counts when a cell has few distinct values.
    @specialized(where Value == Float)
    @specialized(where Value == Double)
    package func encode<Value: ExpressionValue>(
        firstRow: UInt32,
        starts: UnsafeBufferPointer<Int>,
        genes: UnsafeBufferPointer<UInt32>,
        values: UnsafeBufferPointer<Value>
    ) -> EncodedCells {
        precondition(genes.count == values.count)
        return encode(
            Value.segmentKind,
            firstRow: firstRow,
            starts: starts,
            nonzeroCount: genes.count
        ) { range, offset in
            encode(
                genes: UnsafeBufferPointer(rebasing: genes[range]),
                values: UnsafeBufferPointer(rebasing: values[range]),
                at: offset
            )
        }
    }

    /// Encodes one cell into the buffer and returns the offset of its end.
    private func encode<Value: ExpressionValue>(
        genes: UnsafeBufferPointer<UInt32>,
        values: UnsafeBufferPointer<Value>,
        at offset: Int
    ) -> Int {
        guard let firstValue = values.baseAddress, !genes.isEmpty else { return offset }
        let count = genes.count
        let start = beginCell(Value.segmentKind, nonzeroCount: count, at: offset)
        var end = writeGenes(genes, to: start)
        if let ranks = dictionary.rank(firstValue, count) {
            end = dictionary.write(Value.self, to: end)
            end = Self.writeCounts(ranks, count, to: end)
        } else {
            precondition(Value.areStorable(firstValue, count), "a value of a cell is not stored")
            start.pointee |= CellCoding.rawBit
            let byteCount = count * Value.byteCount
            UnsafeMutableRawPointer(end).copyMemory(from: firstValue, byteCount: byteCount)
            end += byteCount
        }
        return offset + (end - start)
    }
}
