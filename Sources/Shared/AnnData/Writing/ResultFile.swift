internal import Glibc
internal import HDF5

/// Lays out result files: everything but the rows, which ``ResultRows`` writes.
package enum ResultFile {
    /// Creates a result file with room for all rows and closes it.
    ///
    /// The bytes depend on the layout alone. Until they are written, all elements are 0 and all
    /// status codes -1 (missing). An existing file is replaced. The file is saved to the disk; its
    /// directory's entry is not. When anything fails, no file is left.
    ///
    /// - Parameters:
    ///   - path: Where; usually an unpublished name beside the output.
    ///   - layout: Labels, genes, layers and further values.
    ///   - reserve: Takes room for a number of bytes of an open file and returns 0 or an error code;
    ///     for tests.
    /// - Returns: Where the rows belong.
    /// - Throws: ``AnnDataWriteError``: an impossible layout, a file that cannot be created, or no
    ///   room on the disk.
    package static func create(
        path: String,
        layout: ResultLayout,
        reserve: (Int32, Int) -> Int32 = { posix_fallocate($0, 0, off_t($1)) }
    ) throws(AnnDataWriteError) -> ResultFileMap {
        try layout.check()
        let file = try UnfinishedFile.create(path)
        do throws(AnnDataWriteError) {
            let places = try file.perform { (library: HDF5File) throws(HDF5Error) -> Places in
                let places = try write(layout, into: library)
                // What cannot be written must fail here, while the file can still be abandoned.
                try library.flush()
                return places
            }
            try file.close()
            return try settle(path, layout, places, reserve)
        } catch {
            file.remove()
            throw error
        }
    }

    private struct Places {
        var layers: [ResultFileMap.Layer] = []
        var status = 0
        var scanpyGroups: ScanpyGroupsMap?
    }

    private static func write(
        _ layout: ResultLayout,
        into file: HDF5File
    ) throws(HDF5Error) -> Places {
        var places = Places()
        let root = try file.root
        try root.markAsAnnData()
        let layers = try root.createDictionary("layers")
        let shape = [layout.perturbations.count, layout.genes.count]
        for (name, element) in layout.layers {
            let group = name == ResultLayout.mainLayer ? root : layers
            let number: HDF5Number = element == .float32 ? .float32 : .float64
            let dataset = try group.createContiguous(name, number, shape: shape)
            try dataset.setEncoding("array", "0.2.0")
            places.layers.append(
                ResultFileMap.Layer(
                    name: name,
                    element: element,
                    offset: try dataset.requiredOffset()
                )
            )
        }
        places.status = try writePerturbations(layout, into: root)
        _ = try root.createDataframe("var", index: "_index", values: layout.genes, order: [])
        for name in ["obsm", "varm", "obsp", "varp"] { _ = try root.createDictionary(name) }
        try root.writeDictionary("uns", layout.uns)
        places.scanpyGroups = try layout.scanpyGroups?.write(layout, into: root)
        return places
    }

    /// Writes `obs` and returns where the status codes lie.
    private static func writePerturbations(
        _ layout: ResultLayout,
        into root: HDF5Group
    ) throws(HDF5Error) -> Int {
        let table = try root.createDataframe(
            "obs",
            index: ResultLayout.indexColumn,
            values: layout.perturbations,
            order: layout.columns
        )
        if layout.repeatsLabels {
            try table.writeStringArray(layout.perturbationColumn, layout.perturbations)
        }
        let codes = try table.writeCategorical(
            layout.statusColumn,
            codes: [Int8](repeating: -1, count: layout.perturbations.count),
            categories: layout.statusCategories
        )
        return try codes.requiredOffset()
    }

    /// Takes the file's room on the disk and saves it.
    private static func settle(
        _ path: String,
        _ layout: ResultLayout,
        _ places: Places,
        _ reserve: (Int32, Int) -> Int32
    ) throws(AnnDataWriteError) -> ResultFileMap {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(path, "opening", errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system(path, "measuring", errno) }
        let map = ResultFileMap(
            rowCount: layout.perturbations.count,
            geneCount: layout.genes.count,
            layers: places.layers,
            statusOffset: places.status,
            byteCount: Int(status.st_size),
            scanpyGroups: places.scanpyGroups
        )
        precondition(map.isConsistent, "a layer lies outside the file")
        let code = reserve(descriptor, map.byteCount)
        if AnnDataWriteError.isFull(code) {
            throw .diskFull(
                path: path,
                neededBytes: map.byteCount,
                availableBytes: availableBytes(descriptor),
                reason: String(cString: strerror(code))
            )
        }
        // A file system that cannot take room in advance gets the rows as they come.
        guard code == 0 || [EOPNOTSUPP, EINVAL].contains(code) else {
            throw .system(path, "taking room", code)
        }
        guard fsync(descriptor) == 0 else { throw .system(path, "saving", errno) }
        return map
    }

    private static func availableBytes(_ descriptor: Int32) -> Int? {
        var status = statvfs()
        guard fstatvfs(descriptor, &status) == 0 else { return nil }
        return Int(clamping: status.f_bavail) * Int(clamping: status.f_frsize)
    }
}
