internal import HDF5

/// Creating the group, without its contents.
extension ScanpyGroups {
    /// Creates the group in a result that is being laid out.
    ///
    /// - Parameters:
    ///   - layout: The result.
    ///   - root: Root of the file; `uns` is there.
    /// - Returns: Where everything that is filled in later lies.
    /// - Throws: ``HDF5Error`` when the library refuses.
    func write(_ layout: ResultLayout, into root: HDF5Group) throws(HDF5Error) -> ScanpyGroupsMap {
        let uns = try root.group("uns")
        let group = try uns.createDictionary(Self.key)
        try group.writeDictionary("params", parameters(layout))
        let fields = layout.perturbations
        let count = layout.genes.count
        let element = Self.nameElement(layout.genes)
        let names = try group.createRecords("names", fields: fields, element, count: count)
        try names.setEncoding("rec-array", "0.2.0")
        var statistics: [ScanpyGroupsMap.Statistic] = []
        for (name, layer) in Self.statistics {
            let layer = Self.position(of: layer, in: layout)
            let records = try group.createRecords(
                name,
                fields: fields,
                .number(layout.layers[layer].element.number),
                count: count
            )
            try records.setEncoding("rec-array", "0.2.0")
            statistics.append(.init(layer: layer, offset: try records.requiredOffset()))
        }
        var shares: [ScanpyGroupsMap.Share] = []
        if Self.hasShares(layout) {
            for (name, layer) in Self.shares {
                shares.append(try Self.writeShares(name, layer, layout, into: group))
            }
        }
        return ScanpyGroupsMap(
            nameByteCount: element.storedByteCount,
            namesOffset: try names.requiredOffset(),
            referencesOffset: element == .variableText
                ? try Self.writeReferences(layout, into: uns) : nil,
            statistics: statistics,
            shares: shares
        )
    }

    /// What scanpy keeps beside the statistics.
    private func parameters(_ layout: ResultLayout) -> [(String, UnsValue)] {
        var entries: [(String, UnsValue)] = [
            ("groupby", .string(layout.perturbationColumn)),
            ("reference", .string(reference)),
            // The one name that scanpy spells differently.
            ("method", .string(method == "t_test" ? "t-test" : method)),
            // A result has no `raw`, whatever the input had.
            ("use_raw", .boolean(false)),
            ("corr_method", .string(correction)),
        ]
        if let inputLayer { entries.append(("layer", .string(inputLayer))) }
        return entries
    }

    private static func writeShares(
        _ name: String,
        _ layer: String,
        _ layout: ResultLayout,
        into group: HDF5Group
    ) throws(HDF5Error) -> ScanpyGroupsMap.Share {
        let table = try group.createDataframe(
            name,
            index: shareIndex,
            values: layout.genes,
            order: layout.perturbations
        )
        let position = position(of: layer, in: layout)
        let number = layout.layers[position].element.number
        var offsets: [Int] = []
        for label in layout.perturbations {
            let column = try table.createContiguous(label, number, shape: [layout.genes.count])
            try column.setEncoding("array", "0.2.0")
            offsets.append(try column.requiredOffset())
        }
        return .init(layer: position, offsets: offsets)
    }

    /// Stores each gene's name once, for the array of names to refer to.
    ///
    /// The names of `var` would do as well, until somebody changes them in the file: that frees the
    /// old texts, wherever else they are referred to.
    private static func writeReferences(
        _ layout: ResultLayout,
        into uns: HDF5Group
    ) throws(HDF5Error) -> Int {
        let marker = try uns.group(ResultLayout.markerKey)
        try marker.writeStringArray("gene_names", layout.genes)
        return try marker.dataset("gene_names").requiredOffset()
    }

    private static func position(of layer: String, in layout: ResultLayout) -> Int {
        guard let position = layout.layers.firstIndex(where: { $0.name == layer }) else {
            preconditionFailure("the layout was not checked")
        }
        return position
    }
}

extension ResultElement {
    /// The type in the file and in memory.
    var number: HDF5Number { self == .float32 ? .float32 : .float64 }
}

extension HDF5Dataset {
    /// Where the elements lie in the file.
    ///
    /// - Throws: ``HDF5Error/wrongShape(file:element:problem:)`` when no room was taken for them.
    func requiredOffset() throws(HDF5Error) -> Int {
        guard let fileOffset else {
            throw .wrongShape(
                file: file.path,
                element: path,
                problem: "the library has taken no room for it"
            )
        }
        return Int(fileOffset)
    }
}
